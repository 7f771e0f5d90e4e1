"""psql's completion by TAB: a terminal in which words are begun, and what psql makes of them.

psql says nothing of questions that a server refuses; it completes nothing then.
"""

import os
import pty
import select
import subprocess
import time

from checks import check, run

# What is typed before TAB, and what stands there after it.
COMPLETIONS = [
    ("SELECT * FROM fac", "es "),
    ("SELECT * FROM public.fac", "es "),
    ("SELECT * FROM pg_cla", "ss "),
    ("SELECT face_id FROM faces WHERE ext", "ernal_"),
    ("INSERT INTO fac", "es "),
    ("INSERT INTO faces (emb", "edding"),
    ("UPDATE fac", "es "),
    ("UPDATE faces SET meta", "data "),
    ("DELETE FROM fac", "es "),
    ("COPY fac", "es "),
    ("EXPLAIN SELECT * FROM fac", "es "),
    ("VACUUM fac", "es "),
    ("TABLE fac", "es "),
    ("SELECT * FROM faces a JOIN fac", "es "),
    ("ALTER TABLE faces DROP CONSTRAINT ", "faces_pkey "),
    ("DROP INDEX fac", "es_pkey "),
    ("DROP TYPE vec", "tor "),
    ("DROP FUNCTION array_in(", "cstring, oid, integer) "),
    ("DROP SCHEMA pub", "lic "),
    ("SET statement_", "timeout "),
    ("SET TimeZone TO 'U", "TC"),
    ("SHOW server_ver", "sion"),
    ("RESET app", "lication_name "),
    ("GRANT SELECT ON faces TO adm", "in "),
    ("ALTER ROLE adm", "in "),
    ("\\d fac", "es"),
    ("\\dt fac", "es "),
    ("\\di fac", "es_pkey "),
    ("\\dT vec", "tor "),
    ("\\df array_i", "n "),
    ("\\dn pub", "lic "),
    ("\\du adm", "in "),
    ("\\dv pg_vi", "ews "),
    ("\\dp fac", "es "),
    ("\\dconfig server_ver", "sion"),
]

PATIENCE_S = 20
PROMPT = "default=> "


class Terminal:
    """psql in a terminal of its own."""

    def __init__(self):
        child, self.file = pty.fork()
        if child == 0:
            os.environ.update(TERM="dumb", INPUTRC="/dev/null", PSQL_HISTORY="/dev/null")
            os.execvp("psql", ["psql", "-X"])
        self.until(PROMPT)

    def type(self, text):
        os.write(self.file, text.encode())

    def until(self, wanted):
        """Reads until the text appears, bells left out."""
        shown, end = "", time.monotonic() + PATIENCE_S
        while wanted not in shown:
            ready, _, _ = select.select([self.file], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {wanted!r} but {shown!r}"
            shown += os.read(self.file, 65536).decode(errors="replace").replace("\a", "")


terminal = Terminal()


def completes(begun, rest):
    def completed():
        terminal.type(f"{begun}\t")
        try:
            terminal.until(begun + rest)
        finally:
            terminal.type("\x03")
            terminal.until(PROMPT)

    return completed


for begun, rest in COMPLETIONS:
    check(f"`{begun}` ⇥ `{rest.strip()}`")(completes(begun, rest))

print("machine", subprocess.check_output(["psql", "--version"], text=True).strip())
run([])
