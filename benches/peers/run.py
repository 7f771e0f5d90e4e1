#!/usr/bin/env python3
"""Top 10 of one probe: LikenessDB next to FAISS, ScaNN and hnswlib, same data, one thread each.

    benches/peers/run.py [--rows 100000] [--dim 512] [--likeness target/release/likeness]

Installs the peers with pip into a virtual environment of its own, lets `likeness bench search`
write its data set, and measures LikenessDB before and after the peers. Prints a Markdown table:
the median of a search, recall against FAISS's exhaustive index, and the time in units of
LikenessDB's (the mean of its two runs). A peer that cannot be installed is listed with the reason.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import venv

PACKAGES = ["numpy", "faiss-cpu", "scann", "hnswlib"]
PROBES = 200


def main():
    options = arguments()
    root = os.path.abspath("likeness-bench-peers")
    os.mkdir(root)
    try:
        compare(options, root)
    finally:
        shutil.rmtree(root)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--likeness", default="target/release/likeness")
    parser.add_argument("--venv", help="an environment to use again; made where it is missing")
    return parser.parse_args()


def compare(options, root):
    python, absent = environment(options.venv or os.path.join(root, "venv"))
    data = os.path.join(root, "data")
    bench = [options.likeness, "bench", "search", "--rows", str(options.rows)]
    bench += ["--dim", str(options.dim), "--probes", str(PROBES)]
    subprocess.run([*bench, "--export", data], check=True)
    bench += ["--no-recall", "--json", "--data", os.path.join(root, "likeness")]
    before = likeness(bench)
    measure = os.path.join(os.path.dirname(os.path.abspath(__file__)), "measure.py")
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    # ScaNN counts the cores that it may use.
    one_core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    command = [*one_core, python, measure, data, *(name for name in PACKAGES if name not in absent)]
    found = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True)
    peers = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    after = likeness(bench)
    table(options, before, after, peers, absent)
    if found.returncode != 0:
        sys.exit(f"the peers ended with {found.returncode}")


def environment(path):
    """The Python of a virtual environment with the peers, and why some are not in it."""
    python, absent = os.path.join(path, "bin", "python"), {}
    if not os.path.exists(python):
        venv.create(path, with_pip=True)
    for package in PACKAGES:
        install = [python, "-m", "pip", "install", "--quiet", package]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode != 0:
            absent[package] = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return python, absent


def likeness(bench):
    """The figures of one run, by name."""
    done = subprocess.run(bench, stdout=subprocess.PIPE, text=True, check=True)
    figures = map(json.loads, done.stdout.splitlines())
    return {figure["figure"]: figure for figure in figures}


def table(options, before, after, peers, absent):
    def ours(name):
        return statistics.mean(run[name]["p50_ms"] for run in (before, after))

    unit = ours("top_10")
    print(f"{options.rows} templates of {options.dim} dimensions; {machine()}\n")
    print("| | p50 | recall of 10 | times LikenessDB |\n|---|---|---|---|")
    print(f"| LikenessDB, exact | {unit:.3f} ms | 1.0000 | 1.00 |")
    for peer in peers:
        ratio = peer["p50_ms"] / unit
        print(f"| {peer['name']} | {peer['p50_ms']:.3f} ms | {peer['recall']:.4f} | {ratio:.2f} |")
    for package, reason in absent.items():
        print(f"| {package} | absent: {reason} | | |")
    print("\n| LikenessDB | p50 | times a pass over plane 1 |\n|---|---|---|")
    for name, figure in before.items():
        if "times_plane_1" in figure:
            print(f"| {name} | {ours(name):.3f} ms | {ours(name) / ours('plane_1_only'):.2f} |")
    print(f"| plain read of as many bytes | {ours('plain_read_of_plane_1'):.3f} ms | |")


def machine():
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, one used"


if __name__ == "__main__":
    main()
