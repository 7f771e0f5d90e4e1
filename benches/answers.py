#!/usr/bin/env python3
"""Generated statements, answered by LikenessDB and by PostgreSQL.

    benches/answers.py [--likeness target/debug/likeness] [--seed 1] [--statements 400]

Starts a fresh server of each kind in a directory under the present one, and runs the same SELECTs
on both: joins of all kinds, derived tables, set operations, correlated subqueries, CASE and
coalesce, aggregates, ROLLUP and windows, over a few rows with many NULLs. Every answer is ordered
by all of its columns. Prints the statements whose answers differ, and exits with 1 if there are
any.

Numbers of no particular scale are compared without zeros at their end, which LikenessDB does not
keep. A statement that both refuse is compared by its SQLSTATE.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys

from postgres import Likeness, Postgres

COLUMNS = {"a": "int", "b": "text", "c": "bool", "d": "date", "e": "numeric"}
TABLES = ["t", "u", "v"]
DIRECTIONS = ["", "", "DESC", "NULLS FIRST", "DESC NULLS LAST"]
SET_OPERATIONS = ["", "UNION SELECT * FROM {}", "UNION ALL SELECT * FROM {}",
                  "EXCEPT SELECT * FROM {}", "INTERSECT SELECT * FROM {}"]


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-answers")
    os.mkdir(root)
    os.chmod(root, 0o755)
    try:
        with Postgres(options, root) as postgres, Likeness(options, root) as likeness:
            statements = [Generator(f"{options.seed}.{at}").statement()
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


class Scope:
    """Tables that an expression sees, by their names, with the types of their columns."""

    def __init__(self, *names):
        self.names = list(names)

    def and_of(self, other):
        return Scope(*self.names, *other.names)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.inner = 0

    def one_of(self, choices):
        return self.random.choice(choices)

    def maybe(self, chance):
        return self.random.random() < chance

    # Values

    def literal(self, kind):
        if self.maybe(0.2):
            return f"NULL::{kind}"
        month, day = self.random.randint(1, 3), self.random.randint(10, 13)
        return {
            "int": str(self.random.randint(-3, 5)),
            "text": "'{}'::text".format(self.one_of(["a", "b", "ab", "B", "", "x y"])),
            "bool": self.one_of(["true", "false"]),
            "date": f"date '2024-0{month}-{day}'",
            "numeric": f"{self.random.randint(-2, 3)}.{self.one_of([0, 5, 25])}::numeric",
        }[kind]

    def column(self, scope, kind):
        named = [name for name, column_kind in COLUMNS.items() if column_kind == kind]
        return f"{self.one_of(scope.names)}.{self.one_of(named)}"

    def value(self, scope, kind, depth=0):
        def of(kind):
            return self.value(scope, kind, depth + 1)

        if depth > 2 or self.maybe(0.35):
            return self.column(scope, kind)
        general = [
            lambda: self.literal(kind),
            lambda: f"coalesce({of(kind)}, {of(kind)})",
            lambda: f"CASE WHEN {of('bool')} THEN {of(kind)} ELSE {of(kind)} END",
            lambda: f"nullif({of(kind)}, {of(kind)})",
            lambda: f"{self.one_of(['greatest', 'least'])}({of(kind)}, {of(kind)})",
            lambda: self.scalar_query(scope, kind),
        ]
        own = {
            "int": [
                lambda: f"({of('int')} {self.one_of('+-*')} {of('int')})",
                lambda: f"({of('int')} {self.one_of('/%')} {self.one_of([1, 2, 3, -2])})",
                lambda: f"length({of('text')})",
                lambda: f"({of('date')} - {of('date')})",
                lambda: f"extract(day FROM {of('date')})::int",
            ],
            "text": [
                lambda: f"({of('text')} || {of('text')})",
                lambda: f"upper({of('text')})",
                lambda: f"({of('int')})::text",
                lambda: f"substr({of('text')}, 1, {self.random.randint(1, 2)})",
                lambda: f"concat({of('text')}, {of('int')})",
            ],
            "bool": [lambda: self.condition(scope, depth + 1)],
            "date": [
                lambda: f"({of('date')} + {self.random.randint(-2, 3)})",
                lambda: f"date_trunc('month', {of('date')})::date",
            ],
            "numeric": [
                lambda: f"({of('numeric')} {self.one_of('+-')} {of('numeric')})",
                lambda: f"({of('numeric')} * {of('int')})",
                lambda: f"round({of('numeric')}, 1)",
                lambda: f"floor({of('numeric')})",
            ],
        }
        return self.one_of(general if self.maybe(0.6) else own[kind])()

    def condition(self, scope, depth=0):
        kind = self.one_of(list(COLUMNS.values()))

        def of(kind):
            return self.value(scope, kind, depth + 1)

        negation = self.one_of(["", "NOT "])
        plain = [
            lambda: f"({of(kind)} {self.one_of(['=', '<>', '<', '>', '<=', '>='])} {of(kind)})",
            lambda: f"({of(kind)} IS {negation}NULL)",
            lambda: f"({of(kind)} {negation}IN ({of(kind)}, {of(kind)}, {self.literal(kind)}))",
            lambda: f"({of(kind)} {negation}BETWEEN {of(kind)} AND {of(kind)})",
            lambda: f"({of(kind)} IS {negation}DISTINCT FROM {of(kind)})",
            lambda: self.column(scope, "bool"),
        ]
        if depth > 2 or self.maybe(0.6):
            return self.one_of(plain)()
        joining = self.one_of(["AND", "OR"])
        return self.one_of([
            lambda: f"({self.condition(scope, depth + 1)} {joining} "
                    f"{self.condition(scope, depth + 1)})",
            lambda: f"(NOT {self.condition(scope, depth + 1)})",
            lambda: f"({negation}EXISTS {self.query_of(scope, lambda _: '1')})",
            lambda: f"({of(kind)} {negation}IN {self.column_query(scope, kind)})",
            lambda: f"({of(kind)} {self.one_of(['=', '<>', '<', '>'])} "
                    f"{self.one_of(['ANY', 'ALL'])} {self.column_query(scope, kind)})",
        ])()

    # Subqueries

    def query_of(self, scope, shown):
        self.inner += 1
        own = Scope(f"s{self.inner}")
        kind = self.one_of(["int", "text", "date"])
        other = self.column(own.and_of(scope) if self.maybe(0.7) else own, kind)
        compared = f"{self.column(own, kind)} {self.one_of(['=', '=', '<>', '<'])} {other}"
        return f"(SELECT {shown(own)} FROM {self.one_of(TABLES)} {own.names[0]} WHERE {compared})"

    def column_query(self, scope, kind):
        return self.query_of(scope, lambda own: self.column(own, kind))

    def scalar_query(self, scope, kind):
        function = self.extreme(kind)
        return self.query_of(scope, lambda own: f"{function}({self.column(own, kind)})")

    def extreme(self, kind):
        return self.one_of(["bool_or", "bool_and"] if kind == "bool" else ["min", "max"])

    # What stands in FROM

    def table(self, alias):
        name = self.one_of(TABLES)
        own = Scope("i")
        key = self.one_of("abd")
        grouped = ", ".join(
            column if column == key else f"{self.extreme(kind)}({column}) AS {column}"
            for column, kind in COLUMNS.items())
        fixed = self.one_of("abc")
        added = self.one_of(SET_OPERATIONS).format(self.one_of(TABLES))
        return self.one_of([
            lambda: name,
            lambda: name,
            lambda: f"(SELECT * FROM {name} WHERE {fixed} = {self.literal(COLUMNS[fixed])})",
            lambda: f"(SELECT * FROM {name} i WHERE {self.condition(own, 2)} {added})",
            lambda: f"(SELECT {grouped} FROM {name} GROUP BY {key})",
        ])() + f" {alias}"

    def tables(self):
        scope, written = Scope("x"), self.table("x")
        for alias in ["y", "z"][:self.one_of([0, 1, 1, 1, 2])]:
            table, before, own = self.table(alias), Scope(*scope.names), Scope(alias)
            scope.names.append(alias)
            join = self.one_of(["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN",
                                "CROSS JOIN"])
            written += f" {join} {table}"
            if join == "CROSS JOIN":
                continue
            kind = self.one_of(["int", "text", "date", "bool"])
            condition = f"{self.column(before, kind)} = {self.column(own, kind)}"
            if join != "FULL JOIN" and self.maybe(0.4):
                condition += f" AND {self.condition(scope, 2)}"
            written += f" ON {condition}"
        return written, scope

    # Whole statements

    def window(self, scope):
        kind = self.one_of(["int", "text", "date", "numeric"])
        part = self.column(scope, self.one_of(["int", "text", "bool"]))
        part = f"PARTITION BY {part} " if self.maybe(0.5) else ""
        by_one = f"ORDER BY {self.column(scope, kind)} {self.one_of(DIRECTIONS)}"
        by_all = "ORDER BY " + ", ".join(f"{name}.{column} {self.one_of(DIRECTIONS)}"
                                         for name in scope.names for column in COLUMNS)
        column = self.column(scope, kind)
        return self.one_of([
            lambda: f"{self.one_of(['rank', 'dense_rank'])}() OVER ({part}{by_one})",
            lambda: f"count({column}) OVER ({part}{by_one})",
            lambda: f"sum({self.column(scope, 'int')}) OVER ({part}{by_one})",
            lambda: f"{self.extreme(kind)}({column}) OVER ({part})",
            lambda: f"{self.one_of(['lag', 'lead', 'first_value', 'last_value'])}({column}) "
                    f"OVER ({part}{by_all})",
        ])()

    def aggregate(self, scope):
        kind = self.one_of(list(COLUMNS.values()))
        text, number = self.column(scope, "text"), self.column(scope, "int")
        return self.one_of([
            lambda: "count(*)",
            lambda: f"count(DISTINCT {self.value(scope, 'text', 2)})",
            lambda: f"sum({self.value(scope, self.one_of(['int', 'numeric']), 1)})",
            lambda: f"{self.extreme(kind)}({self.value(scope, kind, 1)})",
            lambda: f"count({self.value(scope, kind, 1)}) "
                    f"FILTER (WHERE {self.condition(scope, 2)})",
            lambda: f"string_agg({text}, ',' ORDER BY {text})",
            lambda: f"array_agg({number} ORDER BY {number} {self.one_of(DIRECTIONS)})",
            lambda: f"avg({number})::numeric(10,3)",
        ])()

    def groups(self, keys):
        if not keys:
            return ""
        written = ", ".join(keys)
        if len(keys) > 1 and self.maybe(0.3):
            written = f"{self.one_of(['ROLLUP', 'CUBE'])}({written})"
        return f" GROUP BY {written}"

    def statement(self):
        rows = ", ".join(f"{table}(a, b, c, d, e) AS (VALUES {self.rows()})" for table in TABLES)
        tables, scope = self.tables()
        where = f" WHERE {self.condition(scope)}" if self.maybe(0.6) else ""
        if self.maybe(0.3):
            kinds = self.random.choices(["int", "text", "bool", "date"], k=self.one_of([0, 1, 2]))
            keys = list(dict.fromkeys(self.column(scope, kind) for kind in kinds))
            items = keys + [self.aggregate(scope) for _ in range(self.random.randint(1, 3))]
            selected = f"SELECT {', '.join(items)} FROM {tables}{where}{self.groups(keys)}"
        else:
            kinds = self.random.choices(list(COLUMNS.values()), k=self.random.randint(1, 3))
            items = [self.value(scope, kind) for kind in kinds]
            items += [self.window(scope)] if self.maybe(0.3) else []
            distinct = "DISTINCT " if self.maybe(0.15) else ""
            selected = f"SELECT {distinct}{', '.join(items)} FROM {tables}{where}"
        places = [f"{place} {self.one_of(DIRECTIONS)}" for place in range(1, len(items) + 1)]
        limit = f" LIMIT {self.random.randint(0, 4)}" if self.maybe(0.2) else ""
        return f"WITH {rows} {selected} ORDER BY {', '.join(places)}{limit}"

    def rows(self):
        def row():
            return f"({', '.join(self.literal(kind) for kind in COLUMNS.values())})"

        return ", ".join(row() for _ in range(self.random.randint(1, 6)))


if __name__ == "__main__":
    main()
