"""pgvector's Python library: the type `vector` of each driver and ORM that it serves."""

import pgvector.psycopg
import pgvector.psycopg2
import psycopg
import psycopg2
import sqlalchemy
from checks import EAST, NORTH, UP, check, equal, run, url
from pgvector import Vector
from pgvector.sqlalchemy import VECTOR

INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES (%s, %s)"
NEAREST = "SELECT external_face_id FROM faces ORDER BY embedding {} %s LIMIT 2"
PEOPLE = [("ann", EAST), ("bob", NORTH), ("cleo", UP)]
PROBE = [0.2, 0.9, 0.0]


def connect():
    connection = psycopg.connect(autocommit=True)
    pgvector.psycopg.register_vector(connection)
    return connection


def fill():
    with connect() as connection:
        connection.execute("DELETE FROM faces")
        connection.cursor().executemany(INSERT, [(name, Vector(face)) for name, face in PEOPLE])


@check("psycopg 3: reads and writes vectors as text and in binary")
def with_psycopg():
    with connect() as connection:
        for binary in (False, True):
            query = "SELECT embedding, NULL::vector FROM faces WHERE external_face_id = 'ann'"
            row = connection.cursor(binary=binary).execute(query).fetchone()
            equal((row[0].to_list(), row[1]), (EAST, None))
        for mark in ("%t", "%b"):
            row = connection.execute(f"SELECT {mark}::vector", (Vector(UP),)).fetchone()
            equal(row[0].to_list(), UP)


@check("psycopg 3: orders by each distance")
def distances():
    with connect() as connection:
        for operator in ("<=>", "<->", "<#>"):
            rows = connection.execute(NEAREST.format(operator), (Vector(PROBE),)).fetchall()
            equal(rows, [("bob",), ("ann",)])


@check("psycopg 3: copies vectors in binary")
def copies():
    with connect() as connection:
        target = "COPY faces (external_face_id, embedding) FROM STDIN WITH (FORMAT BINARY)"
        with connection.cursor().copy(target) as copy:
            copy.set_types(["text", "vector"])
            for number in range(100):
                copy.write_row((f"n{number}", Vector([1, number, 0])))
        equal(connection.execute("SELECT count(*) FROM faces").fetchone(), (103,))


@check("psycopg 3, asyncio: reads and writes vectors")
async def with_async_psycopg():
    async with await psycopg.AsyncConnection.connect() as connection:
        await pgvector.psycopg.register_vector_async(connection)
        rows = await connection.execute(NEAREST.format("<=>"), (Vector(PROBE),))
        equal(await rows.fetchall(), [("bob",), ("ann",)])


@check("psycopg 2: reads and writes vectors")
def with_psycopg2():
    connection = psycopg2.connect("")
    pgvector.psycopg2.register_vector(connection)
    cursor = connection.cursor()
    cursor.execute(NEAREST.format("<=>"), (Vector(PROBE),))
    equal(cursor.fetchall(), [("bob",), ("ann",)])
    cursor.execute("SELECT embedding FROM faces WHERE external_face_id = %s", ("cleo",))
    equal(cursor.fetchone()[0].to_list(), UP)


@check("SQLAlchemy: orders by each distance of a column")
def with_sqlalchemy():
    faces = sqlalchemy.table(
        "faces", sqlalchemy.column("external_face_id"), sqlalchemy.column("embedding", VECTOR(3))
    )
    engine = sqlalchemy.create_engine(url("postgresql+psycopg"))
    with engine.connect() as connection:
        column = faces.c.embedding
        for distance in (column.cosine_distance, column.l2_distance, column.max_inner_product):
            query = sqlalchemy.select(faces.c.external_face_id).order_by(distance(PROBE)).limit(2)
            equal(connection.scalars(query).all(), ["bob", "ann"])
        query = sqlalchemy.select(column.cosine_distance(UP)).where(
            faces.c.external_face_id == "cleo"
        )
        equal(connection.scalar(query), 0.0)


run(["pgvector", "psycopg", "psycopg2-binary", "SQLAlchemy"], before=fill)
