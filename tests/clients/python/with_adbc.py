"""ADBC's PostgreSQL driver: results and ingestion as Arrow, by COPY in binary."""

import adbc_driver_postgresql.dbapi
import pyarrow
from checks import EAST, NORTH, UP, check, equal, expect, run, url


def connect(**keywords):
    return adbc_driver_postgresql.dbapi.connect(url(), **keywords)


def fill():
    with connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM faces")
        cursor.adbc_ingest("faces", people(), mode="append")


def people():
    faces = pyarrow.array([EAST, NORTH], pyarrow.list_(pyarrow.float32()))
    return pyarrow.table({"external_face_id": ["ann", "bob"], "embedding": faces})


def read(query, parameters=None, **options):
    with connect() as connection, connection.cursor() as cursor:
        if options:
            cursor.adbc_statement.set_options(**options)
        cursor.execute(query, parameters)
        return cursor.fetch_arrow_table()


@check("reads values of every type as Arrow")
def values():
    query = (
        "SELECT true AS b, 1::smallint AS s, 2::int AS i, 3::bigint AS l, 1.5::real AS r,"
        " 2.5::float8 AS d, 'x'::text AS t, NULL::text AS n, '\\x00ff'::bytea AS y,"
        " '2024-01-02 03:04:05+00'::timestamptz AS at, ARRAY[1.5, 2.5]::real[] AS a"
    )
    table = read(query)
    row = table.to_pylist()[0]
    equal([row[name] for name in "bsilrdtny"], [True, 1, 2, 3, 1.5, 2.5, "x", None, b"\0\xff"])
    equal((row["at"].isoformat(), row["a"]), ("2024-01-02T03:04:05+00:00", [1.5, 2.5]))
    equal(table.schema.field("r").type, pyarrow.float32())


@check("reads without COPY too")
def without_copy():
    table = read("SELECT 1::int AS n", **{"adbc.postgresql.use_copy": "false"})
    equal(table.to_pylist(), [{"n": 1}])


@check("sends parameters")
def parameters():
    table = read("SELECT external_face_id FROM faces WHERE external_face_id = $1", ("ann",))
    equal(table.to_pylist(), [{"external_face_id": "ann"}])


@check("reads a collection, embeddings as vectors")
def collection():
    table = read("SELECT * FROM faces ORDER BY external_face_id")
    equal(table["external_face_id"].to_pylist(), ["ann", "bob"])
    equal(table.schema.field("embedding").metadata[b"ADBC:postgresql:typname"], b"vector")
    arrays = read("SELECT embedding::real[] AS face FROM faces ORDER BY external_face_id")
    equal(arrays["face"].to_pylist(), [EAST, NORTH])


@check("appends Arrow tables to a collection (adbc_ingest)")
def ingests():
    with connect() as connection, connection.cursor() as cursor:
        more = pyarrow.table(
            {
                "external_face_id": ["cleo"],
                "embedding": pyarrow.array([UP], pyarrow.list_(pyarrow.float32())),
            }
        )
        equal(cursor.adbc_ingest("faces", more, mode="append"), 1)
        connection.commit()
    equal(read("SELECT count(*) AS n FROM faces").to_pylist(), [{"n": 3}])


@check("ingests in a transaction that is rolled back")
def rolls_back():
    with connect() as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("faces", people(), mode="append")
        connection.rollback()
    equal(read("SELECT count(*) AS n FROM faces").to_pylist(), [{"n": 2}])


@check("describes tables")
def describes():
    with connect() as connection:
        schema = connection.adbc_get_table_schema("faces")
        equal(schema.field("external_face_id").type, pyarrow.string())
        equal(schema.field("confidence").type, pyarrow.float32())
        equal(schema.field("bounding_box").type, pyarrow.list_(pyarrow.float32()))
        objects = connection.adbc_get_objects(
            depth="all", db_schema_filter="public", table_name_filter="faces"
        ).read_all()
        schemas = objects.to_pylist()[0]["catalog_db_schemas"]
        (table,) = schemas[0]["db_schema_tables"]
        equal((table["table_name"], len(table["table_columns"])), ("faces", 11))
        (key,) = table["table_constraints"]
        equal(
            (key["constraint_type"], key["constraint_column_names"]), ("PRIMARY KEY", ["face_id"])
        )


@check("creates no table, and says why")
def creates():
    with connect() as connection, connection.cursor() as cursor:
        for mode in ("create", "replace"):
            expect(
                adbc_driver_postgresql.dbapi.Error,
                cursor.adbc_ingest,
                "others",
                people(),
                mode=mode,
            )
            connection.rollback()


run(["adbc-driver-postgresql", "adbc-driver-manager", "pyarrow"], before=fill)
