"""pg8000: a driver in pure Python, everything prepared, values as text."""

import datetime

import pg8000.dbapi
import pg8000.native
from checks import (
    DATABASE,
    EAST,
    HOST,
    PASSWORD,
    PORT,
    USER,
    check,
    equal,
    expect,
    run,
)

INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES (:who, :face) RETURNING face_id"


def native():
    return pg8000.native.Connection(USER, HOST, DATABASE, PORT, PASSWORD)


def clear():
    native().run("DELETE FROM faces")


@check("logs in, and reads values of every type")
def values():
    (row,) = native().run(
        "SELECT true, 3::bigint, 1.5::real, 'text', NULL, '\\x00ff'::bytea,"
        " '2024-01-02 03:04:05+00'::timestamptz, ARRAY[1.5, 2.5]::real[]"
    )
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    equal(row, [True, 3, 1.5, "text", None, b"\0\xff", moment, [1.5, 2.5]])


@check("inserts with named parameters, and returns what the server made")
def insert():
    connection = native()
    ((face,),) = connection.run(INSERT, who="ann", face=EAST)
    assert face.startswith("f_")
    equal(connection.row_count, 1)
    equal([column["name"] for column in connection.columns], ["face_id"])


@check("runs a prepared statement again and again")
def prepared():
    statement = native().prepare("SELECT CAST(:n AS integer) + 1")
    equal([statement.run(n=number) for number in range(6)], [[[number + 1]] for number in range(6)])
    statement.close()


@check("reports the SQLSTATE of an error")
def sqlstate():
    error = expect(pg8000.native.DatabaseError, native().run, "SELECT * FROM nowhere")
    equal(error.args[0]["C"], "42P01")


run(["pg8000"], before=clear)
