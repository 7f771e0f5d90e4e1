#!/usr/bin/env python3
"""LikenessDB next to PostgreSQL: same machine, same disk, same client programs.

    benches/postgres.py --postgres /usr/lib/postgresql/15/bin [--likeness target/release/likeness]
                        [insert] [copy] [latency]

Starts a fresh server of each kind in a directory under the present one. They take turns:

    insert    pgbench runs a prepared INSERT of one 128-dimensional template, durable when it
              returns, by 1 and by 32 connections
    copy      psql's \\copy loads 512-dimensional templates from a file in binary format
    latency   pgbench runs SELECT 1, and against LikenessDB a SEARCH of what was copied, prepared,
              by one connection

PostgreSQL runs with its defaults: synchronous_commit = on, fsync = on. Prints one JSON object per
figure: the median of the rounds, and their ratio.

PostgreSQL refuses to run as root; as root it is started as the user that --user names.
"""

import argparse
import glob
import json
import os
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys

PG_PORT, LIKENESS_PORT, HTTP_PORT = 54329, 54330, 54331
DIMENSIONS, WIDE = 128, 512


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-postgres")
    os.mkdir(root)
    os.chmod(root, 0o755)
    try:
        with Postgres(options, root) as postgres, Likeness(options, root) as likeness:
            for bench in options.benches or BENCHES:
                BENCHES[bench](options, root, postgres, likeness)
    finally:
        shutil.rmtree(root)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("benches", nargs="*", help=f"some of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--postgres", default="/usr/lib/postgresql/15/bin", help="its programs")
    parser.add_argument("--likeness", default="target/release/likeness")
    parser.add_argument("--user", default="postgres", help="who runs PostgreSQL, when root asks")
    parser.add_argument("--seconds", type=int, default=10, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100_000, help="that are copied")
    options = parser.parse_args()
    if unknown := set(options.benches) - set(BENCHES):
        parser.error(f"unknown: {', '.join(unknown)}")
    return options


def insert(options, root, postgres, likeness):
    for clients in (1, 32):
        rates = {server.name: [] for server in (postgres, likeness)}
        for _ in range(options.rounds):
            for server in (postgres, likeness):
                rate, _ = server.pgbench(root, options, server.insertion(), clients)
                rates[server.name].append(rate)
        tell("insert", "inserts_per_second", rates, writers=clients, dimensions=DIMENSIONS)


def copy(options, root, postgres, likeness):
    path = os.path.join(root, "templates.bin")
    write_templates(path, options.rows)
    megabytes = os.path.getsize(path) / 1e6
    rates = {server.name: [] for server in (postgres, likeness)}
    for _ in range(options.rounds):
        for server in (postgres, likeness):
            server.empty_wide()
            milliseconds = server.timed(f"\\copy wide ({COLUMNS}) FROM '{path}' (FORMAT binary)")
            rates[server.name].append(options.rows / milliseconds * 1000)
    tell("copy", "rows_per_second", rates, rows=options.rows, dimensions=WIDE,
         bytes_per_row=round(megabytes * 1e6 / options.rows))


def latency(options, root, postgres, likeness):
    probe = likeness.literal(WIDE)
    statements = [(server, "SELECT 1;\n") for server in (postgres, likeness)]
    statements.append((likeness, f"SEARCH FACES IN wide EMBEDDING '{probe}' LIMIT 10;\n"))
    found = {statement: [] for statement in statements}
    for _ in range(options.rounds):
        for server, statement in statements:
            _, times = server.pgbench(root, options, statement, 1)
            found[server, statement].append(times)
    medians = {}
    for (server, statement), rounds in found.items():
        p50s = [statistics.median(times) for times in rounds]
        p99s = [statistics.quantiles(times, n=100)[98] for times in rounds]
        medians[server.name, statement[:6]] = statistics.median(p50s)
        print(json.dumps({"bench": "latency", "server": server.name, "statement": statement[:16],
                          "p50_us": statistics.median(p50s), "p99_us": statistics.median(p99s),
                          "rounds_p50_us": p50s}), flush=True)
    ratio = medians[likeness.name, "SELECT"] / medians[postgres.name, "SELECT"]
    print(json.dumps({"bench": "latency", "select_1_times_postgresql": round(ratio, 2)}))


def tell(bench, unit, rates, **about):
    """One figure of both servers: what is measured is a rate, so more is better."""
    medians = {name: statistics.median(found) for name, found in rates.items()}
    figure = {"bench": bench, **about}
    figure |= {f"{name}_{unit}": round(rate) for name, rate in medians.items()}
    figure["ratio"] = round(medians[Likeness.name] / medians[Postgres.name], 2)
    figure["rounds"] = {name: [round(rate) for rate in found] for name, found in rates.items()}
    print(json.dumps(figure), flush=True)


COLUMNS = "external_face_id, embedding"


def write_templates(path, rows):
    """A file in PostgreSQL's binary COPY format: a name and a real[] a row."""
    numbers, block = random.Random(1), []
    for _ in range(1000):
        block.append(b"".join(struct.pack("!if", 4, numbers.gauss(0, 1)) for _ in range(WIDE)))
    with open(path, "wb") as file:
        file.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
        head = struct.pack("!iiiii", 1, 0, 700, WIDE, 1)
        for row in range(rows):
            name = f"person-{row}".encode()
            embedding = head + block[row % len(block)]
            file.write(struct.pack("!hi", 2, len(name)) + name)
            file.write(struct.pack("!i", len(embedding)) + embedding)
        file.write(struct.pack("!h", -1))
    os.chmod(path, 0o644)


class Server:
    """What both have in common: where they are, and how pgbench and psql are run."""

    def where(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", self.database]

    def pgbench(self, root, options, statement, clients):
        """Transactions per second, and how many microseconds each of them took."""
        script = os.path.join(root, f"{self.name}.sql")
        with open(script, "w") as file:
            file.write(statement)
        log = os.path.join(root, "log")
        command = [os.path.join(options.postgres, "pgbench"), "-n", "-M", "prepared", "-l"]
        command += ["--log-prefix", log, "-c", str(clients), "-j", str(min(clients, 2))]
        command += ["-T", str(options.seconds), "-f", script, *self.where()[:-2], self.database]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        rate = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode != 0 or not rate:
            sys.exit(f"pgbench against {self.name} failed:\n{done.stdout}\n{done.stderr}")
        times = []
        for name in glob.glob(f"{log}.*"):
            with open(name) as file:
                times += [int(line.split()[2]) for line in file]
            os.remove(name)
        return float(rate[1]), times

    def psql(self, *commands):
        command = [self.psql_program, *self.where(), "-qtX", "-v", "ON_ERROR_STOP=1"]
        for text in commands:
            command += ["-c", text]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"psql against {self.name} failed:\n{done.stderr}")
        return done.stdout

    def timed(self, command):
        """How many milliseconds a command took, by psql's own clock."""
        return float(re.search(r"Time: ([0-9.]+) ms", self.psql("\\timing on", command))[1])

    def insertion(self):
        values = f"'person', '{self.literal(DIMENSIONS)}'"
        return f"INSERT INTO bench (external_face_id, embedding) VALUES ({values});\n"

    def literal(self, dimensions):
        numbers = random.Random(1)
        values = ",".join(f"{numbers.gauss(0, 1):.6f}" for _ in range(dimensions))
        return f"{self.brackets[0]}{values}{self.brackets[1]}"

    def environment(self):
        return dict(os.environ)


class Postgres(Server):
    name, port, user, database, brackets = "postgresql", PG_PORT, "bench", "postgres", "{}"

    def __init__(self, options, root):
        self.options, self.data = options, os.path.join(root, "postgresql")
        self.psql_program = os.path.join(options.postgres, "psql")

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
        columns = (
            "(face_id bigserial PRIMARY KEY, external_face_id text, embedding real[], "
            "created_at timestamptz DEFAULT now())"
        )
        self.psql(f"CREATE TABLE bench {columns}", f"CREATE TABLE wide {columns}")
        return self

    def empty_wide(self):
        self.psql("TRUNCATE wide", "CHECKPOINT")

    def __exit__(self, *_):
        self.program("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")


class Likeness(Server):
    name, port, user, database, brackets = "likeness", LIKENESS_PORT, "admin", "default", "[]"

    def __init__(self, options, root):
        self.binary, self.data = os.path.abspath(options.likeness), os.path.join(root, "likeness")
        self.psql_program = os.path.join(options.postgres, "psql")

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
        self.psql(f"CREATE COLLECTION bench WITH (dimensions = {DIMENSIONS})")
        return self

    def empty_wide(self):
        self.psql("DROP COLLECTION IF EXISTS wide", "VACUUM",
                  f"CREATE COLLECTION wide WITH (dimensions = {WIDE})")

    def environment(self):
        return dict(os.environ, PGPASSWORD=self.key)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


BENCHES = {"insert": insert, "copy": copy, "latency": latency}

if __name__ == "__main__":
    main()
