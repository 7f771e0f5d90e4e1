"""psycopg 2: statements with values written into their text, as most of Python still sends them."""

import io

import psycopg2
from checks import EAST, check, equal, expect, run
from psycopg2 import errors
from psycopg2.extras import RealDictCursor, execute_batch, execute_values

INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES (%s, %s)"


def connect(**keywords):
    return psycopg2.connect("", **keywords)


def clear():
    connection = connect()
    connection.autocommit = True
    connection.cursor().execute("DELETE FROM faces")
    connection.close()


def query(connection, text, values=None):
    cursor = connection.cursor()
    cursor.execute(text, values)
    return cursor.fetchall()


def names(connection):
    return [name for (name,) in query(connection, "SELECT external_face_id FROM faces ORDER BY 1")]


@check("logs in, and reads values of every type")
def values():
    connection = connect()
    text = (
        "SELECT true, 2::int, 3::bigint, 1.5::real, 'text', NULL, '\\x00ff'::bytea,"
        " '{\"a\": [1]}'::jsonb, '2024-01-02 03:04:05+00'::timestamptz, ARRAY[1.5, 2.5]::real[]"
    )
    (row,) = query(connection, text)
    equal(row[:6], (True, 2, 3, 1.5, "text", None))
    equal((bytes(row[6]), row[7], row[9]), (b"\0\xff", {"a": [1]}, [1.5, 2.5]))
    equal(row[8].isoformat(), "2024-01-02T03:04:05+00:00")


@check("tells the table and the column that a column is of")
def origins():
    cursor = connect().cursor()
    cursor.execute("SELECT 'faces'::regclass::oid")
    (table,) = cursor.fetchone()
    cursor.execute("SELECT embedding, 1, face_id FROM faces")
    found = [(column.table_oid, column.table_column) for column in cursor.description]
    equal(found, [(table, 11), (None, None), (table, 1)])


@check("writes values of every type")
def parameters():
    connection = connect()
    sent = (True, 7, 2**40, 0.25, "é'\\%", None)
    equal(query(connection, "SELECT %s, %s, %s, %s::float8, %s, %s", sent), [sent])
    (row,) = query(connection, "SELECT %s, %s::real[]", (psycopg2.Binary(b"\0\1"), [1.0, 2.0]))
    equal((bytes(row[0]), row[1]), (b"\0\1", [1.0, 2.0]))


@check("fetches from a named cursor, through a savepoint that is rolled back")
def named_cursor():
    connection = connect()
    cursor = connection.cursor("numbers")
    cursor.itersize = 1000
    rows = "SELECT n FROM generate_series(1, 100000) AS t(n) WHERE n <= %s"
    cursor.execute(rows, (10_000,))
    equal(cursor.fetchmany(2), [(1,), (2,)])
    equal([column.name for column in cursor.description], ["n"])
    plain = connection.cursor()
    plain.execute("SAVEPOINT s")
    expect(errors.DivisionByZero, plain.execute, "SELECT 1/0")
    plain.execute("ROLLBACK TO s")
    equal(sum(number for (number,) in cursor), 50_005_000 - 3)
    cursor.close()
    connection.commit()
    connection.autocommit = True
    held = connection.cursor("held", withhold=True)
    held.execute("VALUES (1), (2)")
    equal(held.fetchall(), [(1,), (2,)])
    held.close()


@check("inserts many rows in one statement (execute_values)")
def many():
    connection = connect()
    people = [(f"n{number:03}", [1.0, float(number), 0.0]) for number in range(250)]
    text = "INSERT INTO faces (external_face_id, embedding) VALUES %s RETURNING external_face_id"
    cursor = connection.cursor()
    returned = execute_values(cursor, text, people, page_size=100, fetch=True)
    equal([name for (name,) in returned], [name for name, _ in people])
    connection.rollback()
    equal(names(connection), [])
    execute_batch(cursor, INSERT, people, page_size=100)
    connection.commit()
    equal(len(names(connection)), 250)


@check("copies in and out (copy_expert)")
def copies():
    connection = connect()
    cursor = connection.cursor()
    source = io.StringIO('name,face\nann,"{1,0,0}"\nbob,"[0,1,0]"\n')
    cursor.copy_expert("COPY faces (external_face_id, embedding) FROM STDIN WITH CSV HEADER", source)
    equal(cursor.rowcount, 2)
    connection.commit()
    target = io.StringIO()
    query = "COPY (SELECT external_face_id, embedding FROM faces ORDER BY 1) TO STDOUT"
    cursor.copy_expert(query, target)
    equal(target.getvalue(), "ann\t[1,0,0]\nbob\t[0,1,0]\n")


@check("takes a transaction back, and waits for that after an error")
def transactions():
    connection = connect()
    cursor = connection.cursor()
    cursor.execute(INSERT, ("ann", EAST))
    connection.rollback()
    equal(names(connection), [])
    expect(errors.DivisionByZero, cursor.execute, "SELECT 1/0")
    expect(errors.InFailedSqlTransaction, cursor.execute, "SELECT 1")
    connection.rollback()
    with connection, connection.cursor() as cursor:
        cursor.execute(INSERT, ("bob", EAST))
    equal(names(connection), ["bob"])


@check("adapts lists to ANY, and reads rows as dictionaries")
def adapts():
    connection = connect()
    cursor = connection.cursor(cursor_factory=RealDictCursor)
    cursor.execute(INSERT, ("ann", EAST))
    cursor.execute(
        "SELECT external_face_id FROM faces WHERE external_face_id = ANY(%s)", (["ann", "bob"],)
    )
    equal([dict(row) for row in cursor], [{"external_face_id": "ann"}])
    cursor.execute("SELECT n FROM generate_series(1, 5) AS t(n) WHERE n = ANY(%s)", ([2, 9],))
    equal([row["n"] for row in cursor], [2])


@check("cancels a statement that runs")
def cancel():
    connection = connect()
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET statement_timeout = 50")
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    expect(errors.QueryCanceled, cursor.execute, endless)


run(["psycopg2-binary"], before=clear)
