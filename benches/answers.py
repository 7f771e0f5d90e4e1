#!/usr/bin/env python3
"""Generated statements, answered by LikenessDB and by PostgreSQL.

    benches/answers.py [--likeness target/debug/likeness] [--seed 1] [--statements 400]

Starts a fresh server of each kind in a directory under the present one, and runs the same SELECTs
on both: joins of all kinds, LATERAL ones included, derived tables, set operations, correlated
subqueries, recursion, functions that return sets, aggregates, grouping sets and windows, over a few
rows with many NULLs (queries.py), whose values are of a dozen types (values.py). Every answer is
ordered by all of its columns. Prints the statements whose answers differ, and exits with 1 if there
are any.

Numbers of no particular scale are compared without zeros at their end, which LikenessDB does not
keep. A statement that both refuse is compared by its SQLSTATE.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

from postgres import Likeness, Postgres
from queries import Queries


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-answers")
    os.mkdir(root)
    os.chmod(root, 0o755)
    try:
        with Postgres(options, root) as postgres, Likeness(options, root) as likeness:
            statements = [Queries(f"{options.seed}.{at}").statement()
                          for at in range(options.statements)]
            differing = compare(root, statements, postgres, likeness)
    finally:
        shutil.rmtree(root)
    print(f"{differing} of {options.statements} statements are answered otherwise")
    sys.exit(1 if differing else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--postgres", default="/usr/lib/postgresql/15/bin", help="its programs")
    parser.add_argument("--likeness", default="target/debug/likeness")
    parser.add_argument("--user", default="postgres", help="who runs PostgreSQL, when root asks")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--statements", type=int, default=400)
    return parser.parse_args()


def compare(root, statements, *servers):
    """Shows the statements whose answers differ, and returns how many there are."""
    path = os.path.join(root, "statements.sql")
    with open(path, "w") as file:
        for at, statement in enumerate(statements):
            file.write(f"\\echo =={at}\n{statement};\n")
    answers, differing = [answers_of(server, path) for server in servers], 0
    for at, statement in enumerate(statements):
        expected, found = (of_one.get(at) for of_one in answers)
        if expected != found:
            differing += 1
            print(statement, f"  {servers[0].name}: {expected}", f"  {servers[1].name}: {found}",
                  sep="\n", flush=True)
    return differing


def answers_of(server, path):
    command = [server.psql_program, *server.where(), "-XAt", "-v", "VERBOSITY=sqlstate", "-f", path]
    done = subprocess.run(command, env=server.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    answers, lines = {}, []
    for line in done.stdout.splitlines():
        if line.startswith("=="):
            lines = answers.setdefault(int(line[2:]), [])
        else:
            line = line.split("ERROR:")[-1].strip()
            line = re.sub(r"(\.\d*?[1-9])0+(?!\d)", r"\1", line)
            lines.append(re.sub(r"(\d)\.0+(?!\d)", r"\1", line))
    return answers


if __name__ == "__main__":
    main()
