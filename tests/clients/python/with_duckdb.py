"""DuckDB: its postgres extension attaches the server as a database."""

from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner
import psycopg
from checks import DATABASE, EAST, HOST, NORTH, PASSWORD, PORT, USER, check, equal, expect, run

FOLDER = Path(duckdb_extension_postgres_scanner.__file__).parent / "extensions"
(EXTENSION,) = FOLDER.glob("*/postgres_scanner.duckdb_extension")
ATTACH = (
    f"ATTACH 'host={HOST} port={PORT} user={USER} password={PASSWORD} dbname={DATABASE}'"
    " AS likeness (TYPE postgres{})"
)


def fill():
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("DELETE FROM faces")
        text = "INSERT INTO faces (external_face_id, metadata, embedding) VALUES (%s, %s, %s)"
        for name, face in (("ann", EAST), ("bob", NORTH)):
            connection.execute(text, (name, '{"team": "red"}', face))


def attach(options=""):
    connection = duckdb.connect()
    connection.execute(f"LOAD '{EXTENSION}'")
    connection.execute(ATTACH.format(options))
    return connection


def rows(connection, query):
    return connection.execute(query).fetchall()


@check("attaches the server, and lists its tables")
def attaches():
    connection = attach()
    equal(
        rows(connection, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'public'"),
        [("faces",)],
    )
    described = rows(
        connection,
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'likeness' AND schema_name = 'public'",
    )
    kinds = dict(described)
    equal(len(kinds), 11)
    equal((kinds["face_id"], kinds["confidence"]), ("VARCHAR", "FLOAT"))
    equal((kinds["bounding_box"], kinds["created_at"]), ("FLOAT[]", "TIMESTAMP WITH TIME ZONE"))


@check("reads a collection, with filters pushed down")
def reads():
    connection = attach()
    query = "SELECT external_face_id, metadata, embedding FROM likeness.public.faces ORDER BY 1"
    found = rows(connection, query)
    equal(
        [(name, metadata) for name, metadata, _ in found],
        [("ann", '{"team": "red"}'), ("bob", '{"team": "red"}')],
    )
    connection.execute("SET pg_experimental_filter_pushdown = true")
    query = "SELECT count(*) FROM likeness.faces WHERE external_face_id = 'ann'"
    equal(rows(connection, query), [(1,)])


@check("joins a collection with a table of its own")
def joins():
    connection = attach()
    connection.execute("CREATE TABLE staff AS SELECT 'ann' AS name, 7 AS number")
    query = "SELECT number FROM staff JOIN likeness.faces ON external_face_id = name"
    equal(rows(connection, query), [(7,)])


@check("sends a query as it is (postgres_query)")
def queries():
    connection = attach()
    search = "SELECT external_face_id, similarity FROM (SEARCH FACES IN faces EMBEDDING '[1,0,0]' LIMIT 1) s"
    found = connection.execute("SELECT * FROM postgres_query('likeness', ?)", [search]).fetchall()
    equal(found, [("ann", 1.0)])


@check("appends to a collection")
def inserts():
    connection = attach()
    # Having appended, it would read by `ctid`, the place of a row in PostgreSQL's files.
    connection.execute("SET pg_use_ctid_scan = false")
    connection.execute(
        "INSERT INTO likeness.faces (external_face_id, embedding) SELECT 'n' || n, '[0, 0, 1]' FROM range(100) t(n)"
    )
    equal(rows(connection, "SELECT count(*) FROM likeness.faces"), [(102,)])


@check("changes and deletes by statement (postgres_execute)")
def executes():
    connection = attach()
    connection.execute(
        "CALL postgres_execute('likeness', 'DELETE FROM faces WHERE external_face_id = ''ann''')"
    )
    equal(rows(connection, "SELECT external_face_id FROM likeness.faces"), [("bob",)])


@check("takes back what a transaction did")
def rolls_back():
    connection = attach()
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO likeness.faces (external_face_id, embedding) VALUES ('cleo', '[0, 0, 1]')"
    )
    connection.execute("ROLLBACK")
    equal(rows(connection, "SELECT count(*) FROM likeness.faces"), [(2,)])


@check("creates no table, and says why")
def creates():
    error = expect(duckdb.Error, attach().execute, "CREATE TABLE likeness.others (n INTEGER)")
    equal("CREATE TABLE" in str(error), True)


run(["duckdb", "duckdb-extension-postgres-scanner"], before=fill)
