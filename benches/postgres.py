#!/usr/bin/env python3
"""Durable single-row inserts per second: LikenessDB next to PostgreSQL, same disk, same client.

    benches/postgres.py --postgres /usr/lib/postgresql/15/bin [--likeness target/release/likeness]

Starts a fresh server of each kind in a directory under the present one, and lets pgbench (which
comes with PostgreSQL) run the same prepared INSERT of one 128-dimensional template against both, by
1 and by 32 connections, taking turns. PostgreSQL runs with its defaults: synchronous_commit = on,
fsync = on. Prints one JSON object per figure: the median of the rounds, and their ratio.

PostgreSQL refuses to run as root; as root it is started as the user that --user names.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys

PG_PORT, LIKENESS_PORT, HTTP_PORT = 54329, 54330, 54331
DIMENSIONS = 128


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-postgres")
    os.mkdir(root)
    os.chmod(root, 0o755)
    try:
        with Postgres(options, root) as postgres, Likeness(options, root) as likeness:
            compare(options, root, postgres, likeness)
    finally:
        shutil.rmtree(root)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--postgres", default="/usr/lib/postgresql/15/bin", help="its programs")
    parser.add_argument("--likeness", default="target/release/likeness")
    parser.add_argument("--user", default="postgres", help="who runs PostgreSQL, when root asks")
    parser.add_argument("--seconds", type=int, default=10, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def compare(options, root, postgres, likeness):
    for clients in (1, 32):
        rates = {server.name: [] for server in (postgres, likeness)}
        for _ in range(options.rounds):
            for server in (postgres, likeness):
                rates[server.name].append(server.insert(root, clients, options))
        medians = {name: statistics.median(found) for name, found in rates.items()}
        figure = {"bench": "postgres", "writers": clients, "dimensions": DIMENSIONS}
        figure |= {f"{name}_inserts_per_second": round(rate) for name, rate in medians.items()}
        figure["ratio"] = round(medians[likeness.name] / medians[postgres.name], 2)
        figure["rounds"] = {name: [round(rate) for rate in found] for name, found in rates.items()}
        print(json.dumps(figure), flush=True)


class Server:
    """What both have in common: a pgbench script and how to run it."""

    def insert(self, root, clients, options):
        script = os.path.join(root, f"{self.name}.sql")
        with open(script, "w") as file:
            file.write(
                "INSERT INTO bench (external_face_id, embedding) "
                f"VALUES ('person', '{self.literal()}');\n"
            )
        command = [os.path.join(options.postgres, "pgbench"), "-n", "-M", "prepared"]
        command += ["-c", str(clients), "-j", str(min(clients, 2)), "-T", str(options.seconds)]
        command += ["-f", script, "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]
        command += [self.database]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        rate = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode != 0 or not rate:
            sys.exit(f"pgbench against {self.name} failed:\n{done.stdout}\n{done.stderr}")
        return float(rate[1])

    def literal(self):
        numbers = random.Random(1)
        values = ",".join(f"{numbers.gauss(0, 1):.6f}" for _ in range(DIMENSIONS))
        return f"{self.brackets[0]}{values}{self.brackets[1]}"

    def environment(self):
        return dict(os.environ)


class Postgres(Server):
    name, port, user, database, brackets = "postgresql", PG_PORT, "bench", "postgres", "{}"

    def __init__(self, options, root):
        self.options, self.data = options, os.path.join(root, "postgresql")

    def program(self, name, *arguments):
        command = [os.path.join(self.options.postgres, name), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", self.options.user, "--", *command]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
        if done.returncode != 0:
            sys.exit(f"{name} failed:\n{done.stderr.decode()}")

    def __enter__(self):
        os.mkdir(self.data)
        if os.geteuid() == 0:
            shutil.chown(self.data, self.options.user)
        self.program("initdb", "-D", self.data, "-U", self.user, "-A", "trust", "-E", "UTF8")
        settings = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1"
        log = os.path.join(self.data, "log")
        self.program("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", settings, "start")
        table = (
            "CREATE TABLE bench (face_id bigserial PRIMARY KEY, external_face_id text, "
            "embedding real[], created_at timestamptz DEFAULT now())"
        )
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", self.database]
        self.program("psql", *where, "-c", table)
        return self

    def __exit__(self, *_):
        self.program("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")


class Likeness(Server):
    name, port, user, database, brackets = "likeness", LIKENESS_PORT, "admin", "default", "[]"

    def __init__(self, options, root):
        self.binary, self.data = os.path.abspath(options.likeness), os.path.join(root, "likeness")
        self.psql = os.path.join(options.postgres, "psql")

    def __enter__(self):
        create = [self.binary, "keys", "create", "--tenant", "default", "--name", "admin"]
        create += ["--role", "admin", "--tier", "unlimited", "--data", self.data]
        self.key = subprocess.run(create, capture_output=True, text=True, check=True).stdout.split()[-1]
        serve = [self.binary, "serve", "--data", self.data, "--pg", f"127.0.0.1:{self.port}"]
        serve += ["--http", f"127.0.0.1:{HTTP_PORT}"]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if line.startswith(b"ready"):
                break
        statement = f"CREATE COLLECTION bench WITH (dimensions = {DIMENSIONS})"
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", self.database]
        subprocess.run([self.psql, *where, "-qc", statement], env=self.environment(), check=True)
        return self

    def environment(self):
        return dict(os.environ, PGPASSWORD=self.key)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)


if __name__ == "__main__":
    main()
