"""pandas: frames read from queries, and appended to a collection, through SQLAlchemy."""

import pandas
import sqlalchemy
from checks import EAST, NORTH, check, equal, expect, run, url
from pgvector.sqlalchemy import Vector
from sqlalchemy import text

ENGINE = sqlalchemy.create_engine(url("postgresql+psycopg"))
COLUMNS = {"embedding": Vector(3)}


def fill():
    with ENGINE.begin() as connection:
        connection.execute(text("DELETE FROM faces"))
    people().to_sql("faces", ENGINE, if_exists="append", index=False, dtype=COLUMNS)


def people():
    return pandas.DataFrame({"external_face_id": ["ann", "bob"], "embedding": [EAST, NORTH]})


def count():
    return pandas.read_sql("SELECT count(*) AS n FROM faces", ENGINE)["n"][0]


@check("appends a frame to a collection (to_sql)")
def appends():
    people().to_sql("faces", ENGINE, if_exists="append", index=False, dtype=COLUMNS, method="multi")
    equal(count(), 4)


@check("reads a query with parameters (read_sql)")
def reads():
    query = text(
        "SELECT external_face_id, confidence, created_at FROM faces WHERE external_face_id = :who"
    )
    frame = pandas.read_sql(query, ENGINE, params={"who": "ann"})
    equal(list(frame["external_face_id"]), ["ann"])
    equal(str(frame["created_at"].dtype).startswith("datetime64["), True)
    numbers = pandas.read_sql("SELECT 1::int AS i, 2.5::real AS f, true AS b", ENGINE)
    equal([kind.kind for kind in numbers.dtypes], ["i", "f", "b"])


@check("reads a search")
def searches():
    query = (
        "SELECT external_face_id, similarity FROM (SEARCH FACES IN faces EMBEDDING '[1,0.1,0]') s"
    )
    frame = pandas.read_sql(text(query), ENGINE)
    equal(list(frame["external_face_id"]), ["ann", "bob"])


@check("reads a collection as a table (read_sql_table)")
def table():
    frame = pandas.read_sql_table("faces", ENGINE, columns=["face_id", "external_face_id"])
    equal(sorted(frame["external_face_id"]), ["ann", "bob"])


@check("reads in portions")
def portions():
    with ENGINE.connect().execution_options(stream_results=True) as connection:
        query = text("SELECT n FROM generate_series(1, 250) AS t(n)")
        frames = list(pandas.read_sql(query, connection, chunksize=100))
        equal([len(frame) for frame in frames], [100, 100, 50])


@check("does not replace a collection, and says why")
def replaces():
    def replace():
        people().to_sql("faces", ENGINE, if_exists="replace", index=False, dtype=COLUMNS)

    error = expect(sqlalchemy.exc.NotSupportedError, replace)
    equal("DROP COLLECTION" in str(error.orig), True)
    equal(count(), 2)


run(["pandas", "SQLAlchemy", "psycopg"], before=fill)
