"""polars: frames read by connectorx in each of its protocols, and by ADBC."""

import datetime

import connectorx
import polars
import psycopg
from checks import EAST, NORTH, check, equal, run, url

NAMES = "SELECT external_face_id, embedding::real[] AS embedding FROM faces ORDER BY 1"
KINDS = (
    "SELECT true AS b, 1::smallint AS s, 2::int AS i, 3::bigint AS l, 1.5::real AS r,"
    " 2.5::float8 AS d, 'x'::text AS t, '2024-01-02 03:04:05+00'::timestamptz AS at"
)


def fill():
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("DELETE FROM faces")
        for name, face in (("ann", EAST), ("bob", NORTH)):
            text = "INSERT INTO faces (external_face_id, embedding) VALUES (%s, %s)"
            connection.execute(text, (name, face))


def cx(query, protocol):
    return connectorx.read_sql(
        url() + f"?cxprotocol={protocol}", query, return_type="polars", protocol=protocol
    )


@check("reads queries (read_database_uri, connectorx)")
def reads():
    frame = polars.read_database_uri(NAMES, url())
    equal(frame["external_face_id"].to_list(), ["ann", "bob"])
    equal(frame["embedding"].to_list(), [EAST, NORTH])


@check("reads values of every type, in each protocol of connectorx")
def values():
    for protocol in ("binary", "cursor", "simple", "csv"):
        frame = cx(KINDS, protocol)
        equal(frame.row(0)[:7], (True, 1, 2, 3, 1.5, 2.5, "x"))
        equal(frame["at"][0].replace(tzinfo=None), datetime.datetime(2024, 1, 2, 3, 4, 5))


@check("reads partitions at the same time")
def partitions():
    query = "SELECT n, n * 2 AS twice FROM generate_series(1, 1000) AS t(n)"
    frame = polars.read_database_uri(query, url(), partition_on="n", partition_num=3)
    equal((frame["n"].sum(), frame["twice"].sum(), len(frame)), (500500, 1001000, 1000))


@check("reads a search")
def searches():
    query = "SELECT external_face_id FROM (SEARCH FACES IN faces EMBEDDING '[1,0.1,0]' LIMIT 1) s"
    equal(polars.read_database_uri(query, url())["external_face_id"].to_list(), ["ann"])


@check("reads and appends by ADBC")
def adbc():
    frame = polars.read_database_uri(NAMES, url(), engine="adbc")
    equal(frame["external_face_id"].to_list(), ["ann", "bob"])
    more = polars.DataFrame({"external_face_id": ["cleo"], "embedding": [[0.0, 0.0, 1.0]]})
    written = more.write_database("faces", url(), engine="adbc", if_table_exists="append")
    equal(written, 1)
    equal(len(polars.read_database_uri(NAMES, url())), 3)


run(["polars", "connectorx", "adbc-driver-postgresql"], before=fill)
