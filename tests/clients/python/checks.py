"""What the scripts share: checks that run one after the other, and a line printed for each.

The lines are `pinned VERSION`, `machine VERSION`, `ok NAME`, `FAIL NAME: WHY` and `done`.
"""

import asyncio
import inspect
import os
import platform
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

_checks = []

HOST = os.environ["PGHOST"]
PORT = int(os.environ["PGPORT"])
USER = os.environ["PGUSER"]
PASSWORD = os.environ["PGPASSWORD"]
DATABASE = os.environ["PGDATABASE"]

# What the checks fill the collection with.
EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def url(scheme="postgresql"):
    """The address of the server as a URL."""
    return f"{scheme}://{quote(USER)}:{quote(PASSWORD)}@{HOST}:{PORT}/{quote(DATABASE)}"


def guide(heading):
    """What the guide for ORMs defines under a heading, of the collection of the checks."""
    text = (Path(__file__).parents[3] / "docs/guides/orms.md").read_text()
    block = text.split(f"## {heading}\n")[1].split("```python\n")[1].split("```")[0]
    defined = {"__name__": "guide"}
    exec(block.replace('"users"', '"faces"'), defined)
    return defined


def check(name):
    """Makes a function the check of this name."""

    def register(function):
        _checks.append((name, function))
        return function

    return register


def expect(kind, function, *arguments, **keywords):
    """Calls the function, which must fail with an error of this kind, and returns the error."""
    try:
        function(*arguments, **keywords)
    except kind as error:
        return error
    raise AssertionError(f"no {kind}")


def equal(found, wanted):
    """Fails unless both are the same."""
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def run(packages, before=lambda: None):
    """Runs all checks, each after `before`, and prints what became of them."""
    for package in packages:
        print(f"pinned {package} {version(package)}")
    print(f"machine Python {platform.python_version()}")
    for name, function in _checks:
        try:
            before()
            outcome = function()
            if inspect.iscoroutine(outcome):
                asyncio.run(outcome)
            print(f"ok {name}", flush=True)
        except BaseException as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAIL {name}: {why}", flush=True)
            if os.environ.get("LIKENESS_TRACE"):
                raise
    print("done")
