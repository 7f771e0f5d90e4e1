#!/usr/bin/env python3
"""How well a running server tells people apart, on photos of your own.

    benches/accuracy.py FOLDER --key KEY [--url http://127.0.0.1:8080] [--threshold 0.65]

FOLDER holds one sub-folder per person with at most 100 photos in all. Each photo's largest face is
indexed into a collection made for the purpose and dropped afterwards; every face is then searched
for. Prints one JSON object: photos with a face, leave-one-out rank-1 (is the most similar other face
the same person's?), and the shares of genuine and impostor pairs that reach the threshold.
Needs nothing but Python.
"""
import argparse
import json
import pathlib
import time
import urllib.error
import urllib.request
import uuid


class Server:
    def __init__(self, url, key):
        self.url, self.key = url, key

    def call(self, method, path, body=None, content_type="application/json"):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": content_type}
        request = urllib.request.Request(
            f"{self.url}/api/v2{path}", data=body, headers=headers, method=method
        )
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def index(self, collection, photo, person):
        boundary = uuid.uuid4().hex
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="'
        body = (
            f'{part}external_face_id"\r\n\r\n{person}\r\n{part}image"; filename="photo"\r\n\r\n'
        ).encode() + photo.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        content_type = f"multipart/form-data; boundary={boundary}"
        return self.call("POST", f"/collections/{collection}/faces", body, content_type)


def measure(server, collection, photos, threshold):
    faces, faceless, seconds = {}, [], []
    for person, photo in photos:
        start = time.monotonic()
        try:
            record = server.index(collection, photo, person)
            faces[record["face_id"]] = person
        except urllib.error.HTTPError as error:
            if error.code != 422:
                raise
            faceless.append(str(photo))
        seconds.append(time.monotonic() - start)
    rank_1, genuine, impostor = 0, [], []
    for face, person in faces.items():
        path = f"/collections/{collection}/search-by-face/{face}?max_results=100&threshold=0"
        matches = server.call("POST", path)["matches"]
        assert len(matches) == len(faces) - 1, "every other face must be a match at threshold 0"
        rank_1 += matches[0]["external_face_id"] == person
        for match in matches:
            same = match["external_face_id"] == person
            (genuine if same else impostor).append(match["similarity"] >= threshold)
    return {
        "photos": len(photos),
        "photos_with_a_face": len(faces),
        "without_a_face": faceless,
        "rank_1": rank_1 / len(faces),
        "threshold": threshold,
        "genuine_pairs": len(genuine) // 2,
        "tar": sum(genuine) / len(genuine),
        "impostor_pairs": len(impostor) // 2,
        "far": sum(impostor) / len(impostor),
        "index_ms_median": round(sorted(seconds)[len(seconds) // 2] * 1000, 1),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--key", required=True)
    arguments.add_argument("--url", default="http://127.0.0.1:8080")
    arguments.add_argument("--threshold", type=float, default=0.65)
    given = arguments.parse_args()
    photos = [
        (person.name, photo)
        for person in sorted(given.folder.iterdir())
        if person.is_dir()
        for photo in sorted(person.iterdir())
    ]
    assert 2 <= len(photos) <= 100, f"{len(photos)} photos; this script takes 2 to 100"
    server = Server(given.url, given.key)
    collection = f"accuracy-{uuid.uuid4().hex[:8]}"
    server.call("POST", "/collections", json.dumps({"external_id": collection}).encode())
    try:
        print(json.dumps(measure(server, collection, photos, given.threshold)))
    finally:
        server.call("DELETE", f"/collections/{collection}")


if __name__ == "__main__":
    main()
