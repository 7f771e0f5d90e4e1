"""psql's completion by TAB: a terminal in which words are begun, and what psql makes of them.

psql says nothing of questions that a server refuses; it completes nothing then. So all is done in
one transaction, which a refusal would break, and the prompt would show that.
"""

import os
import pty
import select
import subprocess
import time

from checks import check, run

# What is typed before TAB, and what is added to it; nothing where there is nothing of the kind.
COMPLETIONS = [
    # Relations and their columns, wherever a statement may name them.
    ("SELECT * FROM fac", "es "),
    ("SELECT * FROM public.fac", "es "),
    ("SELECT * FROM pg_cla", "ss "),
    ("SELECT * FROM information_schema.colu", "mn"),
    ("SELECT face_id FROM faces WHERE ext", "ernal_"),
    ("INSERT INTO fac", "es "),
    ("INSERT INTO faces (emb", "edding "),
    ("UPDATE fac", "es "),
    ("UPDATE faces SET meta", "data "),
    ("DELETE FROM fac", "es "),
    ("TRUNCATE fac", "es "),
    ("LOCK TABLE fac", "es "),
    ("COPY fac", "es "),
    ("EXPLAIN SELECT * FROM fac", "es "),
    ("VACUUM fac", "es "),
    ("ANALYZE fac", "es "),
    ("CLUSTER fac", "es "),
    ("CLUSTER faces USING fac", "es_pkey "),
    ("REINDEX TABLE fac", "es "),
    ("REINDEX INDEX fac", "es_pkey "),
    ("TABLE fac", "es "),
    ("SELECT * FROM faces a JOIN fac", "es "),
    ("CREATE INDEX ON fac", "es "),
    ("CREATE INDEX ON faces (ext", "ernal_"),
    ("ALTER TABLE fac", "es "),
    ("ALTER TABLE faces ALTER COLUMN meta", "data "),
    ("ALTER TABLE faces RENAME COLUMN conf", "idence "),
    ("ALTER TABLE faces DROP CONSTRAINT ", "faces_pkey "),
    ("ALTER INDEX fac", "es_pkey "),
    ("COMMENT ON TABLE fac", "es "),
    ("COMMENT ON CONSTRAINT fac", "es_pkey "),
    ("DROP TABLE fac", "es "),
    ("DROP INDEX fac", "es_pkey "),
    ("DROP VIEW pg_catalog.pg_vi", "ews "),
    ("REFRESH MATERIALIZED VIEW ", ""),
    ("DROP SEQUENCE ", ""),
    ("DROP FOREIGN TABLE ", ""),
    # Types, functions and what belongs to them.
    ("DROP TYPE vec", "tor "),
    ("DROP DOMAIN information_schema.", ""),
    ("DROP FUNCTION array_in(", "cstring, oid, integer) "),
    ("DROP AGGREGATE ", ""),
    ("DROP COLLATION pg_catalog.PO", ""),
    ("DROP CONVERSION ", ""),
    ("DROP LANGUAGE sq", "l "),
    ("DROP OPERATOR ", ""),
    ("DROP CAST (", ""),
    ("DROP TEXT SEARCH CONFIGURATION ", ""),
    ("DROP TEXT SEARCH DICTIONARY ", ""),
    ("DROP TEXT SEARCH PARSER ", ""),
    ("DROP TEXT SEARCH TEMPLATE ", ""),
    ("DROP STATISTICS ", ""),
    ("DROP RULE ", ""),
    ("DROP TRIGGER ", ""),
    ("DROP POLICY ", ""),
    ("DROP EVENT TRIGGER ", ""),
    ("DROP TRANSFORM FOR ", ""),
    ("ALTER TYPE vec", "tor "),
    # What a database has, and what a server has.
    ("DROP SCHEMA pub", "lic "),
    ('DROP DATABASE "def', 'ault" '),
    ("DROP TABLESPACE pg_def", "ault "),
    ("DROP ACCESS METHOD he", "ap "),
    ("DROP EXTENSION ", "vector "),
    ("CREATE EXTENSION ", ""),
    ("DROP FOREIGN DATA WRAPPER ", ""),
    ("DROP SERVER ", ""),
    ("DROP USER MAPPING FOR adm", ""),
    ("DROP PUBLICATION ", ""),
    ("DROP SUBSCRIPTION ", ""),
    ("GRANT SELECT ON fac", "es "),
    ("GRANT SELECT ON faces TO adm", "in "),
    ("GRANT USAGE ON SCHEMA pub", "lic "),
    ("REASSIGN OWNED BY adm", "in "),
    ("ALTER ROLE adm", "in "),
    ('ALTER DATABASE "def', 'ault" '),
    ("ALTER SYSTEM SET statement_", "timeout "),
    ("SECURITY LABEL ON TABLE fac", "es "),
    # What a session has.
    ("SET statement_", "timeout "),
    ("SET TimeZone TO 'U", "TC' "),
    ("SET ROLE adm", "in "),
    ("SET SESSION AUTHORIZATION adm", "in "),
    ("SET search_path TO pub", "lic "),
    ("SET CONSTRAINTS fac", "es_pkey "),
    ("SHOW server_ver", "sion"),
    ("RESET app", "lication_name "),
    ("EXECUTE ali", "ke "),
    ("DEALLOCATE ali", "ke "),
    ("FETCH FROM rea", "ding "),
    ("CLOSE rea", "ding "),
    ("NOTIFY ", ""),
    ("UNLISTEN ", "* "),
    # Commands of psql itself.
    ('\\c "def', 'ault" '),
    ("\\d fac", "es"),
    ("\\da ", ""),
    ("\\dA he", "ap "),
    ("\\db pg_def", "ault "),
    ("\\dconfig server_ver", "sion"),
    ("\\dD ", ""),
    ("\\des ", ""),
    ("\\deu ", ""),
    ("\\dew ", ""),
    ("\\df array_i", "n "),
    ("\\dF ", ""),
    ("\\dFd ", ""),
    ("\\dFp ", ""),
    ("\\dFt ", ""),
    ("\\di fac", "es_pkey "),
    ("\\dL sq", "l "),
    ("\\dm ", ""),
    ("\\dn pub", "lic "),
    ("\\dp fac", "es "),
    ("\\dP ", ""),
    ("\\dRp ", ""),
    ("\\dRs ", ""),
    ("\\ds ", ""),
    ("\\dt fac", "es "),
    ("\\dT vec", "tor "),
    ("\\du adm", "in "),
    ("\\dv pg_vi", "ews "),
    ("\\dx ", "vector "),
    ("\\dX ", ""),
    ("\\dy ", ""),
    ("\\ef array_i", "n "),
    ("\\ev pg_vi", "ews "),
    ("\\password adm", "in "),
    ("\\sf array_i", "n "),
    ("\\sv pg_vi", "ews "),
    ("\\z fac", "es "),
]

PATIENCE_S = 20
PROMPT, IN_TRANSACTION = "default=> ", "default=*> "
CLEAR_LINE = "\x15"
BEFORE = [
    "BEGIN;",
    "PREPARE alike AS SELECT 1;",
    "DECLARE reading CURSOR FOR SELECT 1;",
]


class Terminal:
    """psql in a terminal of its own."""

    def __init__(self):
        child, self.file = pty.fork()
        if child == 0:
            os.environ.update(TERM="dumb", INPUTRC="/dev/null", PSQL_HISTORY="/dev/null")
            os.execvp("psql", ["psql", "-X"])
        self.until(PROMPT)
        for statement in BEFORE:
            self.type(f"{statement}\n")
            self.until(IN_TRANSACTION)

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
        # What is typed behind the TAB stands behind what it added.
        terminal.type(f"{begun}\t~")
        try:
            terminal.until(f"{begun}{rest}~")
        finally:
            terminal.type(f"{CLEAR_LINE}\\echo cleared\n")
            terminal.until(f"\ncleared\r\n{IN_TRANSACTION}")

    return completed


for begun, rest in COMPLETIONS:
    added = f"`{rest.strip()}`" if rest else "nothing"
    check(f"`{begun}` ⇥ {added}")(completes(begun, rest))

print("machine", subprocess.check_output(["psql", "--version"], text=True).strip())
run([])
