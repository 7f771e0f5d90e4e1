"""psycopg 3: every way it has to send statements and to fetch rows."""

import asyncio
import datetime
import decimal
import uuid

import psycopg
from checks import EAST, NORTH, UP, check, equal, expect, run
from psycopg import errors, sql
from psycopg.types.json import Jsonb

INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES (%s, %s)"


def connect(**keywords):
    return psycopg.connect(**keywords)


def clear():
    with connect(autocommit=True) as connection:
        connection.execute("DELETE FROM faces")


def fill(connection):
    people = [("ann", EAST), ("bob", NORTH), ("cleo", UP)]
    connection.cursor().executemany(INSERT, people)


def names(connection):
    rows = connection.execute("SELECT external_face_id FROM faces ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def values(binary):
    with connect() as connection:
        query = (
            "SELECT true, 1::smallint, 2::int, 3::bigint, 1.5::real, 2.5::float8, 'text', NULL::text,"
            " '\\x00ff'::bytea, '{\"a\": [1]}'::jsonb, '2024-01-02 03:04:05+00'::timestamptz,"
            " ARRAY[1.5, 2.5]::real[], 12.50::numeric(6, 2), '2024-01-02'::date,"
            " 0.10, avg(n), sum(n), '00010203-0405-0607-0809-0a0b0c0d0e0f'::uuid"
            " FROM (VALUES (9223372036854775807), (9223372036854775806)) t(n)"
        )
        row = connection.cursor(binary=binary).execute(query).fetchone()
        moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
        equal(row[:9], (True, 1, 2, 3, 1.5, 2.5, "text", None, b"\0\xff"))
        equal(row[9:12], ({"a": [1]}, moment, [1.5, 2.5]))
        equal((str(row[12]), row[13]), ("12.50", datetime.date(2024, 1, 2)))
        equal([type(value) for value in row[14:17]], [decimal.Decimal] * 3)
        equal((str(row[14]), row[16]), ("0.10", 2**64 - 3))
        equal(row[15], decimal.Decimal("9223372036854775806.5"))
        equal(row[17], uuid.UUID(bytes=bytes(range(16))))


@check("reads values of every type as text")
def text_values():
    values(binary=False)


@check("reads values of every type in binary")
def binary_values():
    values(binary=True)


@check("sends parameters of every type as text and in binary")
def parameters():
    with connect() as connection:
        for mark in ("%s", "%t", "%b"):
            query = sql.SQL(
                "SELECT {m}::bool, {m}::int, {m}::bigint, {m}::float8, {m}::text, {m}::bytea, {m}::real[],"
                " {m}::numeric, {m}::uuid"
            ).format(m=sql.SQL(mark))
            exact = (decimal.Decimal("-12.34567"), uuid.UUID(bytes=bytes(range(16))))
            sent = (True, 7, 2**40, 0.25, "é'\\", b"\0\1", [1.0, 2.0], *exact)
            equal(connection.execute(query, sent).fetchone(), sent)
            nothing = connection.execute(query, (None,) * 9).fetchone()
            equal(nothing, (None,) * 9)


@check("sends arrays of every type as text and in binary")
def arrays():
    with connect() as connection:
        connection.execute(INSERT, ("ann", EAST))
        for mark in ("%s", "%t", "%b"):
            for items in (
                [1, 2],
                [70000, -1],
                [2**40],
                [1.5, None],
                [True, None],
                [datetime.date(2024, 1, 2), None],
                [datetime.time(3, 4, 5)],
                [datetime.datetime(2024, 1, 2, 3, 4, 5)],
                [datetime.timedelta(days=2, seconds=5)],
                [decimal.Decimal("1.25"), None],
                [uuid.UUID(int=7), None],
                [b"\0\xff"],
            ):
                row = connection.execute(f"SELECT {mark}", (items,)).fetchone()
                equal(row[0], items)
            texts = ["a", None, "c d"]
            row = connection.execute(f"SELECT {mark}::text[]", (texts,)).fetchone()
            equal(row[0], texts)
            query = sql.SQL("SELECT count(*) FROM faces WHERE external_face_id = ANY({m})")
            found = connection.execute(query.format(m=sql.SQL(mark)), (["ann", "bob"],))
            equal(found.fetchone(), (1,))


@check("sends single values that nothing declares, and has them back as what they were")
def round_trips():
    with connect() as connection:
        for mark in ("%s", "%t", "%b"):
            for value in (
                uuid.UUID(int=7),
                datetime.datetime(2024, 1, 2, 3, 4, 5),
                datetime.date(2024, 1, 2),
                datetime.timedelta(days=1),
                decimal.Decimal("1.5"),
            ):
                equal(connection.execute(f"SELECT {mark}", (value,)).fetchone()[0], value)
            document = connection.execute(f"SELECT {mark}", (Jsonb({"a": [1]}),)).fetchone()[0]
            equal(document, {"a": [1]})
            items = connection.execute(f"SELECT unnest({mark})", ([1, 2],)).fetchall()
            equal(items, [(1,), (2,)])
            equal(connection.execute(f"SELECT left('hello', {mark})", (2,)).fetchone()[0], "he")
            equal(connection.execute(f"SELECT abs({mark})", (-2,)).fetchone()[0], 2)


@check("inserts with executemany, and returns what each row made")
def many():
    with connect() as connection:
        cursor = connection.cursor()
        people = [(f"n{number:03}", [1.0, float(number), 0.0]) for number in range(300)]
        cursor.executemany(INSERT + " RETURNING external_face_id", people, returning=True)
        returned = [cursor.fetchone()[0]]
        while cursor.nextset():
            returned.append(cursor.fetchone()[0])
        equal(returned, [name for name, _ in people])
        connection.rollback()
        equal(names(connection), [])


@check("prepares a statement of its own accord, and runs it again and again")
def prepared():
    with connect(prepare_threshold=1) as connection:
        query = "SELECT external_face_id FROM faces WHERE external_face_id = %s"
        fill(connection)
        for _ in range(4):
            found = [connection.execute(query, (name,)).fetchone() for name in ("ann", "bob", "x")]
            equal(found, [("ann",), ("bob",), None])


@check("copies in, as text and in binary")
def copies_in():
    with connect(autocommit=True) as connection:
        cursor = connection.cursor()
        with cursor.copy("COPY faces (external_face_id, embedding) FROM STDIN") as copy:
            for name, face in (("ann", EAST), ("tab\tand \\", NORTH)):
                copy.write_row((name, face))
        equal(cursor.rowcount, 2)
        text = "COPY faces (external_face_id, embedding) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(text) as copy:
            copy.set_types(["text", "float4[]"])
            copy.write_row(("cleo", UP))
        equal(names(connection), ["ann", "cleo", "tab\tand \\"])

        def given_up():
            with cursor.copy(text) as copy:
                copy.set_types(["text", "float4[]"])
                copy.write_row(("dan", UP))
                raise RuntimeError("no more")

        expect(RuntimeError, given_up)
        equal(len(names(connection)), 3)


@check("copies out, as text and in binary")
def copies_out():
    with connect() as connection:
        fill(connection)
        query = "COPY (SELECT external_face_id, 7::int FROM faces ORDER BY 1) TO STDOUT"
        with connection.cursor().copy(query) as copy:
            equal(list(copy.rows()), [("ann", "7"), ("bob", "7"), ("cleo", "7")])
        with connection.cursor().copy(query + " (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int4"])
            equal(list(copy.rows()), [("ann", 7), ("bob", 7), ("cleo", 7)])


@check("nests transactions as savepoints")
def transactions():
    with connect() as connection:
        with connection.transaction():
            connection.execute(INSERT, ("ann", EAST))
            with connection.transaction(force_rollback=True):
                connection.execute(INSERT, ("bob", NORTH))
                equal(names(connection), ["ann", "bob"])

            def broken():
                with connection.transaction():
                    connection.execute("SELECT 1/0")

            expect(errors.DivisionByZero, broken)
            with connection.transaction():
                connection.execute(INSERT, ("cleo", UP))
        equal(names(connection), ["ann", "cleo"])


@check("pipelines statements, an error aborting the rest")
def pipeline():
    with connect(autocommit=True) as connection:
        with connection.pipeline():
            first = connection.execute("SELECT 1")
            second = connection.execute("SELECT %s::text", ("two",))
            connection.execute(INSERT, ("ann", EAST))
        equal((first.fetchone(), second.fetchone(), names(connection)), ((1,), ("two",), ["ann"]))

        def broken():
            with connection.pipeline():
                connection.execute("SELECT 1/0")
                connection.execute(INSERT, ("bob", NORTH))

        expect(errors.DivisionByZero, broken)
        equal(names(connection), ["ann"])


@check("tells the table and the column that a column is of")
def origins():
    with connect() as connection:
        (table,) = connection.execute("SELECT 'faces'::regclass::oid").fetchone()
        for query, values in (
            ("SELECT embedding, 1, face_id FROM faces", None),
            ("SELECT embedding, 1, face_id FROM faces WHERE face_id = %s", ("f_",)),
            ("DELETE FROM faces RETURNING embedding, 1, face_id", ()),
        ):
            result = connection.execute(query, values).pgresult
            origins = [(result.ftable(at), result.ftablecol(at)) for at in range(3)]
            equal(origins, [(table, 11), (0, 0), (table, 1)])


@check("streams rows one by one")
def stream():
    with connect() as connection:
        rows = connection.cursor().stream("SELECT * FROM generate_series(1, 1000)")
        equal(sum(number for (number,) in rows), 500500)


@check("fetches from a named cursor, through a savepoint that is rolled back")
def named_cursor():
    with connect() as connection:
        cursor = connection.cursor("numbers")
        rows = "SELECT n FROM generate_series(1, 100000) AS t(n) WHERE n <= %s"
        cursor.execute(rows, (10_000,))
        equal([column.name for column in cursor.description], ["n"])
        equal(cursor.fetchmany(2), [(1,), (2,)])

        def fails():
            with connection.transaction():
                equal(cursor.fetchone(), (3,))
                connection.execute("SELECT 1/0")

        expect(errors.DivisionByZero, fails)
        cursor.scroll(96)
        equal(cursor.fetchone(), (100,))
        equal(sum(1 for _ in cursor), 9_900)
        cursor.close()
    with connect(autocommit=True) as connection:
        fill(connection)
        rows = "SELECT external_face_id, embedding::real[] FROM faces ORDER BY 1"
        with connection.cursor("held", withhold=True, binary=True) as cursor:
            cursor.execute(rows)
            clear()
            equal(cursor.fetchall(), [("ann", EAST), ("bob", NORTH), ("cleo", UP)])
        with connection.transaction(), connection.cursor("back", scrollable=True) as cursor:
            cursor.execute("VALUES (1), (2), (3)")
            equal(cursor.fetchall(), [(1,), (2,), (3,)])
            cursor.scroll(0, mode="absolute")
            equal(cursor.fetchone(), (1,))


@check("waits for ROLLBACK after an error in a block")
def failed_block():
    with connect() as connection:
        expect(errors.DivisionByZero, connection.execute, "SELECT 1/0")
        expect(errors.InFailedSqlTransaction, connection.execute, "SELECT 1")
        connection.rollback()
        equal(connection.execute("SELECT 1").fetchone(), (1,))


@check("sends several statements in one text")
def several():
    with connect() as connection:
        cursor = connection.execute("SELECT 1; SELECT 2, 3")
        first = cursor.fetchone()
        assert cursor.nextset()
        equal((first, cursor.fetchone()), ((1,), (2, 3)))


@check("works from asyncio too")
async def asynchronous():
    async with await psycopg.AsyncConnection.connect() as connection:
        results = []
        for number in range(3):
            cursor = await connection.execute("SELECT %s::int", (number,))
            results.append(await cursor.fetchone())
        equal(results, [(0,), (1,), (2,)])
    await asyncio.sleep(0)


run(["psycopg", "psycopg-binary"], before=clear)
