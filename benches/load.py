#!/usr/bin/env python3
"""The REST door under load: latencies, throughput, memory over time, and too many requests at once.

    cargo build --release -p likeness -p likeness-serve-bench && benches/load.py

Starts a fresh server in a directory under the present one and asks it over the loopback address
by wrk (Debian's package), all in one run:

    idle      GET /healthz next to a service of bare axum that answers as little
    search    search-by-face in a collection of --faces synthetic faces of 512 dimensions
    detect    faces:detect of a photo of 640 pixels: --photo, or a sample photo of the model pack
    memory    all of these together for --minutes, and what the server's memory is meanwhile
    overload  photos at four times the rate that detect found, then as fast as clients can ask;
              what those are told for whom there is no place, how soon, and the time after it

By 1, 8 and 32 connections, each of which waits for its answer before it asks again. Clients and
server share the machine. Prints one JSON object per figure, and the memory as a table.
Needs psql, wrk and, for photos, an installed model pack (`likeness models install`).
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from postgres import COLUMNS, HTTP_PORT, Likeness

CONNECTIONS = (1, 8, 32)
DIMENSIONS, PHOTOS_OF_EACH = 512, 4
PHOTO_PIXELS = 640
# Requests with images that the server works on at a time; one more is refused.
PLACES = 32
BOUNDARY = "likeness-load-boundary"
SCRIPT = pathlib.Path(__file__).with_name("load.lua")


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-load")
    os.mkdir(root)
    try:
        with Likeness(options, root) as server:
            Load(options, root, server).run(options.benches or BENCHES)
    finally:
        shutil.rmtree(root)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("benches", nargs="*", help=f"some of {', '.join(BENCHES)}; all by default")
    parser.add_argument("--likeness", default="target/release/likeness")
    parser.add_argument("--postgres", help="where psql is; by default on the PATH")
    parser.add_argument("--photo", help="a JPEG; by default a sample photo, made smaller")
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=10, help="of one figure")
    parser.add_argument("--minutes", type=float, default=10, help="of the run for memory")
    options = parser.parse_args()
    if unknown := set(options.benches) - set(BENCHES):
        parser.error(f"unknown: {', '.join(unknown)}")
    if options.postgres is None:
        options.postgres = os.path.dirname(shutil.which("psql") or parser.error("there is no psql"))
    return options


class Load:
    """A server with a collection and a photo to ask it about."""

    def __init__(self, options, root, server):
        self.options, self.root, self.server = options, root, server
        self.url = f"http://127.0.0.1:{HTTP_PORT}"
        self.aids = os.path.dirname(os.path.abspath(options.likeness))
        self.photo_rate = None

    def run(self, benches):
        if set(benches) & {"search", "memory"}:
            self.fill()
        if set(benches) & {"detect", "memory", "overload"}:
            self.take_photo()
        for bench in benches:
            BENCHES[bench](self)

    def fill(self):
        path = os.path.join(self.root, "faces.bin")
        write_faces(path, self.options.faces)
        self.server.psql(f"CREATE COLLECTION faces WITH (dimensions = {DIMENSIONS})",
                         f"\\copy faces ({COLUMNS}) FROM '{path}' (FORMAT binary)", "VACUUM faces")
        os.remove(path)
        ids = self.server.psql("SELECT face_id FROM faces LIMIT 256").split()
        paths = [f"/api/v2/collections/faces/search-by-face/{face_id}" for face_id in ids]
        self.search_paths = self.written("search", "\n".join(paths))

    def take_photo(self):
        photo = self.options.photo or self.sample_photo()
        part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo"'
        body = f"{part}\r\n\r\n".encode() + pathlib.Path(photo).read_bytes()
        self.photo_form = self.written("form", body + f"\r\n--{BOUNDARY}--\r\n".encode())
        answer = self.detect_once()
        tell(bench="photo", bytes=len(body), image_size=answer["image_size"],
             faces=len(answer["faces"]))

    def sample_photo(self):
        models = pathlib.Path(os.environ.get("LIKENESS_MODELS", "~/.cache/likeness/models"))
        samples = sorted(models.expanduser().glob("packs/*/samples/*.jpg"))
        if not samples:
            sys.exit("there is no sample photo; install a model pack, or give --photo")
        small = os.path.join(self.root, "photo.jpg")
        shrink = os.path.join(self.aids, "shrink")
        subprocess.run([shrink, samples[0], small, str(PHOTO_PIXELS)], check=True)
        return small

    def written(self, name, content):
        path = os.path.join(self.root, name)
        content = content.encode() if isinstance(content, str) else content
        pathlib.Path(path).write_bytes(content)
        return path

    def detect_once(self):
        request = urllib.request.Request(f"{self.url}/api/v2/faces:detect", method="POST")
        request.add_header("Authorization", f"Bearer {self.server.key}")
        request.add_header("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        request.data = pathlib.Path(self.photo_form).read_bytes()
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def idle(self):
        hello = subprocess.Popen([os.path.join(self.aids, "hello")], stdout=subprocess.PIPE, text=True)
        try:
            address = hello.stdout.readline().split()[1]
            for connections in CONNECTIONS:
                axum = self.measure("idle", connections, self.get("/"), f"http://{address}",
                                    server="bare axum")
                self.measure("idle", connections, self.get("/healthz"), server="likeness",
                             bare_axum_p50_ms=axum["p50_ms"])
        finally:
            hello.terminate()
            hello.wait()

    def search(self):
        for connections in CONNECTIONS:
            self.measure("search", connections, self.searches(), faces=self.options.faces)

    def detect(self):
        rates = []
        for connections in CONNECTIONS:
            figure = self.measure("detect", connections, self.photos(), pixels=PHOTO_PIXELS)
            rates.append(figure["per_second"])
        self.photo_rate = max(rates)

    def memory(self):
        minutes = self.options.minutes
        loads = [(self.get("/healthz"), 1), (self.searches(), 4), (self.photos(), 4)]
        threads = [threading.Thread(target=self.wrk, args=(connections, what, minutes * 60))
                   for what, connections in loads]
        self.wrk(8, self.photos(), min(30, minutes * 60))  # what is made once and kept, is there
        for thread in threads:
            thread.start()
        samples, began = [], time.monotonic()
        print("minute   resident MiB   of it not files", flush=True)
        while any(thread.is_alive() for thread in threads):
            at = (time.monotonic() - began) / 60
            if at >= len(samples) * minutes / 20:
                resident, anonymous = memory_of(self.server.process.pid)
                samples.append(round(resident, 1))
                print(f"{at:6.1f}   {resident:12.1f}   {anonymous:15.1f}", flush=True)
            time.sleep(0.1)
        third = max(1, len(samples) // 3)
        first, last = statistics.median(samples[:third]), statistics.median(samples[-third:])
        tell(bench="memory", minutes=minutes, first_third_mib=first, last_third_mib=last,
             growth_percent=round((last / first - 1) * 100, 1), highest_mib=max(samples))

    def overload(self):
        before = self.measure("before overload", 1, self.photos())
        rate = self.photo_rate or self.measure("detect", 8, self.photos())["per_second"]
        connections = 4 * PLACES
        # A connection that is idle for ten seconds is closed.
        pace_ms = min(8_000, round(connections / (4 * rate) * 1000))
        for name, pause in (("4 times what can be served", pace_ms), ("without a pause", 0)):
            what = dict(self.photos(), TIMED="1", PACE_MS=str(pause))
            # Some rounds of every connection, or nothing is seen of the excess.
            seconds = max(self.options.seconds, 4 * pause / 1000)
            with Bystander(f"{self.url}/healthz") as bystander:
                found = self.wrk(connections, what, seconds, threads=connections)
            by_status = found["by_status"]
            tell(bench="overload", offered=name, connections=connections, seconds=round(seconds),
                 answers={status: spread(times) for status, times in sorted(by_status.items())},
                 healthz_meanwhile=spread(bystander.times), broken=found["broken"])
            tell(bench="overload", **self.first_answer())
            self.measure("after overload", 1, self.photos(), before_p50_ms=before["p50_ms"])

    def first_answer(self):
        """How long the first photo takes after the load, and how often it is refused before."""
        began, refused = time.monotonic(), 0
        while True:
            try:
                self.detect_once()
                break
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                refused += 1
        return {"first_answer_after_ms": round((time.monotonic() - began) * 1000, 1),
                "refused_before_it": refused}

    def get(self, path):
        return {"METHOD": "GET", "PATHS": self.written(path.strip("/") or "root", path)}

    def searches(self):
        return {"METHOD": "POST", "PATHS": self.search_paths, "KEY": self.server.key}

    def photos(self):
        return {"METHOD": "POST", "PATHS": self.written("detect", "/api/v2/faces:detect"),
                "KEY": self.server.key, "BODY": self.photo_form,
                "TYPE": f"multipart/form-data; boundary={BOUNDARY}"}

    def measure(self, bench, connections, what, url=None, **about):
        found = self.wrk(connections, what, self.options.seconds, url)
        if found["refused"] or found["broken"]:
            sys.exit(f"{bench}: {found['refused']} requests were refused, {found['broken']} broken")
        figure = {"bench": bench, **about, "connections": connections,
                  "p50_ms": round(found["p50_us"] / 1000, 3),
                  "p99_ms": round(found["p99_us"] / 1000, 3),
                  "per_second": round(found["requests"] / found["seconds"], 1)}
        tell(**figure)
        return figure

    def wrk(self, connections, what, seconds, url=None, threads=None):
        command = ["wrk", "-t", str(threads or min(connections, 2)), "-c", str(connections),
                   "-d", str(max(1, round(seconds))), "--timeout", "60", "-s", str(SCRIPT),
                   url or self.url]
        done = subprocess.run(command, env={**os.environ, **what}, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if line.startswith("RESULT "):
                return json.loads(line.removeprefix("RESULT "))
        sys.exit(f"wrk failed:\n{done.stdout}\n{done.stderr}")


class Bystander:
    """Asks for the same page ten times a second, and how long that took."""

    def __init__(self, url):
        self.url, self.times, self.ended = url, [], threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.ended.wait(0.1):
            began = time.monotonic()
            with urllib.request.urlopen(self.url) as answer:
                answer.read()
            self.times.append((time.monotonic() - began) * 1e6)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def spread(times_us):
    """How many there were, and how long they took."""
    ordered = sorted(times_us) or [0]
    at = lambda part: round(ordered[int(part * (len(ordered) - 1))] / 1000, 2)
    return {"count": len(times_us), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)}


def write_faces(path, count):
    """A file in PostgreSQL's binary COPY format: photos of people, four of each.

    A person is a vector of a pool, turned by some places, which makes it a stranger to the others;
    a photo is the person and half as much of another such vector.
    """
    numbers = random.Random(1)
    pool = [[numbers.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(1000)]

    def turned(vector, places):
        return vector[places:] + vector[:places]

    pack = struct.Struct("!" + "if" * DIMENSIONS).pack
    head = struct.pack("!iiiii", 1, 0, 700, DIMENSIONS, 1)
    with open(path, "wb") as file:
        file.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
        for row in range(count):
            number = row // PHOTOS_OF_EACH
            person = turned(pool[number % len(pool)], number // len(pool) % DIMENSIONS)
            photo = turned(pool[row * 7 % len(pool)], (row * 13 + 5) % DIMENSIONS)
            cells = [0] * (2 * DIMENSIONS)
            cells[::2] = [4] * DIMENSIONS
            cells[1::2] = [own + other / 2 for own, other in zip(person, photo)]
            name, embedding = f"person-{number}".encode(), head + pack(*cells)
            file.write(struct.pack("!hi", 2, len(name)) + name)
            file.write(struct.pack("!i", len(embedding)) + embedding)
        file.write(struct.pack("!h", -1))


def memory_of(process):
    """Resident memory, and how much of it is no mapped file, in MiB."""
    with open(f"/proc/{process}/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")]


def tell(**figure):
    print(json.dumps(figure), flush=True)


BENCHES = {"idle": Load.idle, "search": Load.search, "detect": Load.detect,
           "memory": Load.memory, "overload": Load.overload}

if __name__ == "__main__":
    main()
