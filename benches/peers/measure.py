"""Measures the peers on an exported data set; one JSON object for each. Called by run.py."""

import functools
import importlib.metadata
import json
import sys
import time

import numpy

LIST = 10


def main():
    folder, packages = sys.argv[1], sys.argv[2:]
    with open(f"{folder}/shape.json") as file:
        shape = json.load(file)
    dim = shape["dimensions"]
    templates = numpy.fromfile(f"{folder}/templates.f32", dtype="<f4").reshape(-1, dim)
    probes = numpy.fromfile(f"{folder}/probes.f32", dtype="<f4").reshape(-1, dim)
    truth = None
    for package, name, search in peers(packages, templates):
        times, lists = timed(search, probes)
        truth = truth or lists
        recall = sum(len(found & best) for found, best in zip(lists, truth)) / (LIST * len(truth))
        name = f"{package} {importlib.metadata.version(package)} {name}"
        figure = {"name": name, "p50_ms": 1000 * float(numpy.median(times)), "recall": recall}
        print(json.dumps(figure), flush=True)


def timed(search, probes):
    """Seconds of each search in a second round, and what was found."""
    for probe in probes:
        search(probe)
    times, lists = [], []
    for probe in probes:
        start = time.perf_counter()
        found = search(probe)
        times.append(time.perf_counter() - start)
        lists.append(set(numpy.asarray(found).ravel().tolist()))
    return times, lists


def peers(packages, templates):
    """Package, name and search function of each peer; the first one is exhaustive."""
    count, dim = templates.shape
    if "faiss-cpu" in packages:
        import faiss

        faiss.omp_set_num_threads(1)
        flat = faiss.IndexFlatIP(dim)
        flat.add(templates)
        yield "faiss-cpu", "IndexFlatIP", lambda probe: flat.search(probe[None], LIST)[1]
    if "scann" in packages:
        import scann

        build = scann.scann_ops_pybind.builder(templates, LIST, "dot_product")
        hashed = build.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(200).build()
        for reorder in (200, 1000, 2000):
            name = f"asymmetric hashing, reorder {reorder}"
            search = functools.partial(hashed.search, pre_reorder_num_neighbors=reorder)
            yield "scann", name, lambda probe, search=search: search(probe)[0]
    if "hnswlib" in packages:
        import hnswlib

        graph = hnswlib.Index("ip", dim)
        graph.init_index(count, M=16, ef_construction=200)
        graph.add_items(templates)
        graph.set_num_threads(1)
        for ef in (200, 800, 1200):
            graph.set_ef(ef)
            yield "hnswlib", f"M=16, ef {ef}", lambda probe: graph.knn_query(probe, LIST)[0]


if __name__ == "__main__":
    main()
