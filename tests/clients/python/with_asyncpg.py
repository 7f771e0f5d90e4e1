"""asyncpg: everything prepared and in binary, types looked up in the catalog."""

import asyncio
import csv
import datetime
import decimal
import io
import json
import uuid

import asyncpg
import numpy
import pgvector.asyncpg
from checks import DATABASE, EAST, HOST, NORTH, PASSWORD, PORT, UP, USER, check, equal, run

INSERT_VECTOR = "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2)"
# The parameter is a vector; a list of numbers is sent without a codec for that type.
INSERT = INSERT_VECTOR.replace("$2", "$2::real[]")
ENDLESS = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


async def connect(**keywords):
    return await asyncpg.connect(
        host=HOST, port=PORT, user=USER, password=PASSWORD, database=DATABASE, **keywords
    )


async def empty(connection):
    await connection.execute("DELETE FROM faces")
    return connection


async def names(connection):
    rows = await connection.fetch("SELECT external_face_id AS name FROM faces ORDER BY 1")
    return [row["name"] for row in rows]


async def refused(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


@check("reads values of every type, as rows, one row or one value (fetch, fetchrow, fetchval)")
async def values():
    connection = await connect()
    row = await connection.fetchrow(
        "SELECT true, 1::smallint, 2::int, 3::bigint, 1.5::real, 2.5::float8, 'text', NULL::text,"
        " '\\x00ff'::bytea, '{\"a\": [1]}'::jsonb, '2024-01-02 03:04:05+00'::timestamptz, 12.50::numeric AS n"
    )
    equal(tuple(row)[:9], (True, 1, 2, 3, 1.5, 2.5, "text", None, b"\0\xff"))
    equal((json.loads(row[9]), row[10], str(row["n"])), ({"a": [1]}, MOMENT, "12.50"))
    equal([tuple(row) for row in await connection.fetch("VALUES (1, 'a'), (2, 'b')")], [(1, "a"), (2, "b")])
    equal(await connection.fetchval("SELECT 1, 'second'", column=1), "second")
    nobody = "SELECT 1 FROM faces WHERE external_face_id = 'nobody'"
    equal((await connection.fetchval(nobody), await connection.fetchrow(nobody)), (None, None))


@check("sends parameters of every type")
async def parameters():
    connection = await connect()
    sent = (True, -2, 7, 2**40, 1.5, 0.25, "é'\\", b"\0\1", '{"a": 1}', MOMENT, None)
    row = await connection.fetchrow(
        "SELECT $1::bool, $2::smallint, $3::int, $4::bigint, $5::real, $6::float8, $7::text,"
        " $8::bytea, $9::jsonb, $10::timestamptz, $11::text",
        *sent,
    )
    equal(tuple(row)[:8] + (json.loads(row[8]),) + tuple(row)[9:], sent[:8] + ({"a": 1},) + sent[9:])


@check("reads and sends arrays of every type")
async def arrays():
    connection = await empty(await connect())
    for kind, items in (
        ("text", ["a", None, "c d", '"{,}\\']),
        ("smallint", [1, -2]),
        ("int", [70000, None]),
        ("bigint", [2**40]),
        ("real", [1.5, -0.25]),
        ("float8", [0.1]),
        ("bool", [True, None, False]),
        ("bytea", [b"\0\xff", b""]),
        ("timestamptz", [MOMENT]),
        ("timestamp", [MOMENT.replace(tzinfo=None), None]),
        ("date", [datetime.date(2024, 1, 2), None]),
        ("time", [datetime.time(3, 4, 5, 6)]),
        ("interval", [datetime.timedelta(days=40, seconds=5)]),
        ("numeric", [decimal.Decimal("1.25"), decimal.Decimal("-3")]),
        ("uuid", [uuid.UUID(int=7), None]),
        ("jsonb", ['{"a": [1]}', None]),
        ("text", []),
        ("date", []),
    ):
        equal(await connection.fetchval(f"SELECT $1::{kind}[]", items), items)
        equal([row[0] for row in await connection.fetch(f"SELECT unnest($1::{kind}[])", items)], items)
    equal(await connection.fetchval("SELECT ARRAY['a', 'b']"), ["a", "b"])
    equal(await connection.fetchval("SELECT '{1,NULL,3}'::int[]"), [1, None, 3])
    await connection.execute(INSERT, "ann", EAST)
    found = "SELECT count(*) FROM faces WHERE external_face_id = ANY($1)"
    equal(await connection.fetchval(found, ["ann", "bob"]), 1)


@check("is told the types of parameters that nothing declares")
async def inferred():
    connection = await empty(await connect())
    for query, sent, expected in (
        ("SELECT generate_series(1, $1) AS n", [1], 1),
        ("SELECT CASE WHEN $1 THEN 1 ELSE $2 END", [False, 7], 7),
        ("SELECT coalesce($1, 5), $2 BETWEEN 1 AND 5", [None, 3], None),
        ("SELECT substring('hello', $1, $2)", [2, 3], "ell"),
        ("SELECT left('hello', $1)", [2], "he"),
        ("SELECT 5 = ANY($1)", [[4, 5]], True),
        ("SELECT now() - $1 > interval '1 hour'", [MOMENT], True),
        ("SELECT interval '1 day' * $1", [1.5], datetime.timedelta(hours=36)),
        ("VALUES (1), ($1) LIMIT $2 OFFSET $3", [2, 1, 1], 2),
        ("SELECT 1 UNION ALL SELECT $1 LIMIT 1", [2], 1),
        ("SELECT $1::timestamp", [MOMENT.replace(tzinfo=None)], MOMENT.replace(tzinfo=None)),
    ):
        given = await connection.fetchval(query, *sent)
        equal(given, expected if expected is not None else 5)


@check("inserts many rows, all or none (executemany, fetchmany)")
async def many():
    connection = await empty(await connect())
    people = [(f"n{number:03}", [1.0, float(number), 0.0]) for number in range(300)]
    await connection.executemany(INSERT, people)
    equal(await names(connection), [name for name, _ in people])
    broken = [("ann", EAST), ("bob", [0.0, 1.0])]
    await refused(asyncpg.PostgresError, connection.executemany(INSERT, broken))
    equal(len(await names(connection)), 300)
    returning = INSERT + " RETURNING external_face_id AS name"
    made = await connection.fetchmany(returning, [("ann", EAST), ("bob", NORTH)])
    equal([row["name"] for row in made], ["ann", "bob"])


@check("searches with parameters")
async def searches():
    connection = await empty(await connect())
    await connection.executemany(INSERT, [("ann", EAST), ("bob", NORTH)])
    search = "SEARCH FACES IN faces EMBEDDING $1::real[] THRESHOLD $2 LIMIT $3"
    found = await connection.fetch(search, [0.1, 1.0, 0.0], 0.5, 5)
    equal([row["external_face_id"] for row in found], ["bob"])
    statement = await connection.prepare(f"SELECT external_face_id FROM ({search}) s")
    equal([kind.name for kind in statement.get_parameters()], ["float4[]", "float4", "int8"])
    for name, face in (("ann", EAST), ("bob", NORTH)):
        equal(await statement.fetchval(face, 0.5, 5), name)


@check("prepares a statement, and describes it")
async def prepared():
    connection = await connect()
    statement = await connection.prepare(
        "SELECT face_id, confidence FROM faces WHERE external_face_id = $1"
    )
    equal([kind.name for kind in statement.get_parameters()], ["text"])
    described = [(column.name, column.type.name) for column in statement.get_attributes()]
    equal(described, [("face_id", "text"), ("confidence", "float4")])
    adding = await connection.prepare("SELECT $1::int + 1", name="adding")
    equal([await adding.fetchval(number) for number in range(5)], [1, 2, 3, 4, 5])
    equal(await connection.fetchval("SELECT name FROM pg_prepared_statements WHERE name = 'adding'"), "adding")
    await refused(
        asyncpg.DuplicatePreparedStatementError, connection.prepare("SELECT 1", name="adding")
    )


@check("reads through a cursor, by portions and row by row")
async def cursor():
    connection = await connect()
    query = "SELECT n FROM generate_series(1, $1::int) AS t(n)"
    async with connection.transaction():
        total = [row["n"] async for row in connection.cursor(query, 1000, prefetch=70)]
        equal(sum(total), 500500)
        portal = await connection.cursor(query, 100)
        equal([row[0] for row in await portal.fetch(3)], [1, 2, 3])
        equal((await portal.fetchrow())[0], 4)
        equal([row[0] for row in await portal.fetch(200)], list(range(5, 101)))
    await refused(asyncpg.NoActiveSQLTransactionError, connection.cursor(query, 100))


@check("nests transactions as savepoints")
async def transactions():
    connection = await empty(await connect())
    async with connection.transaction():
        await connection.execute(INSERT, "ann", EAST)
        try:
            async with connection.transaction():
                await connection.execute(INSERT, "bob", NORTH)
                await connection.execute("SELECT 1 / 0")
        except asyncpg.DivisionByZeroError:
            equal(await names(connection), ["ann"])
        async with connection.transaction():
            await connection.execute(INSERT, "cleo", UP)
    equal(await names(connection), ["ann", "cleo"])
    reading = connection.transaction(isolation="repeatable_read", readonly=True)
    await reading.start()
    await refused(asyncpg.ReadOnlySQLTransactionError, connection.execute(INSERT, "dan", UP))
    await refused(asyncpg.InFailedSQLTransactionError, connection.execute("SELECT 1"))
    await reading.rollback()


@check("shares a pool whose connections are reset")
async def pool():
    async with asyncpg.create_pool(
        host=HOST,
        port=PORT,
        user=USER,
        password=PASSWORD,
        database=DATABASE,
        min_size=1,
        max_size=1,
    ) as connections:
        async with connections.acquire() as connection:
            await connection.execute("SET statement_timeout = '7s'")
            await connection.execute("SET application_name = 'asyncpg'")
        for _ in range(3):
            async with connections.acquire() as connection:
                equal(await connection.fetchval("SHOW statement_timeout"), "0")
                equal(await connection.fetchval("SHOW application_name"), "")


@check("sets settings at log-in")
async def settings():
    connection = await connect(server_settings={"application_name": "asyncpg"})
    equal(await connection.fetchval("SELECT current_setting('application_name')"), "asyncpg")


@check("looks up the type vector, and reads and writes it")
async def vectors():
    connection = await empty(await connect())

    def encode(numbers):
        return "[" + ",".join(map(str, numbers)) + "]"

    def decode(text):
        return [float(number) for number in text[1:-1].split(",")]

    await connection.set_type_codec("vector", encoder=encode, decoder=decode, schema="public")
    await connection.execute(INSERT_VECTOR, "ann", EAST)
    equal(await connection.fetchval("SELECT embedding FROM faces"), EAST)
    equal(await connection.fetchval("SELECT $1::vector", UP), UP)
    await connection.reset_type_codec("vector", schema="public")
    equal(await connection.fetchval("SELECT embedding FROM faces"), "[1,0,0]")


@check("reads and writes vectors in binary, with pgvector's codec")
async def binary_vectors():
    connection = await empty(await connect())
    await pgvector.asyncpg.register_vector(connection)
    await connection.execute(INSERT_VECTOR, "ann", pgvector.Vector(EAST))
    await connection.executemany(INSERT_VECTOR, [("bob", numpy.array(NORTH)), ("cleo", UP)])
    rows = await connection.fetch("SELECT embedding FROM faces ORDER BY external_face_id")
    equal([row["embedding"].to_list() for row in rows], [EAST, NORTH, UP])
    equal(await connection.fetchval("SELECT NULL::vector"), None)
    equal((await connection.fetchval("SELECT $1::vector", UP)).to_list(), UP)


@check("orders by distance, with pgvector's codec")
async def nearest():
    connection = await empty(await connect())
    await pgvector.asyncpg.register_vector(connection)
    people = [("ann", EAST), ("bob", NORTH)]
    columns = ["external_face_id", "embedding"]
    await connection.copy_records_to_table("faces", records=people, columns=columns)
    query = "SELECT external_face_id AS name FROM faces ORDER BY embedding <=> $1 LIMIT 1"
    for name, face in people:
        equal(await connection.fetchval(query, face), name)


@check("searches with, and changes, vectors, with pgvector's codec")
async def vector_parameters():
    connection = await empty(await connect())
    await pgvector.asyncpg.register_vector(connection)
    await connection.executemany(INSERT_VECTOR, [("ann", EAST), ("bob", NORTH)])
    statement = await connection.prepare("SEARCH FACES IN faces EMBEDDING $1 LIMIT 1")
    equal([kind.name for kind in statement.get_parameters()], ["vector"])
    found = await statement.fetchrow(pgvector.Vector(NORTH))
    equal((found["external_face_id"], found["embedding"].to_list()), ("bob", NORTH))
    change = "UPDATE faces SET embedding = $1 WHERE face_id = $2 RETURNING embedding"
    changed = await connection.fetchval(change, numpy.array(UP, "float32"), found["face_id"])
    equal(changed.to_list(), UP)
    replace = (
        "INSERT INTO faces (face_id, embedding) VALUES ($1, $2) ON CONFLICT (face_id)"
        " DO UPDATE SET embedding = excluded.embedding RETURNING embedding"
    )
    equal((await connection.fetchval(replace, found["face_id"], EAST)).to_list(), EAST)


@check("copies in, records and CSV")
async def copy_in():
    connection = await empty(await connect())
    columns = ["external_face_id", "embedding"]
    await pgvector.asyncpg.register_vector(connection)
    status = await connection.copy_records_to_table(
        "faces", records=[("ann", EAST), ("bob", NORTH)], columns=columns
    )
    equal(status, "COPY 2")
    source = io.BytesIO(b'name,face\ncleo,"[0,0,1]"\n')
    status = await connection.copy_to_table(
        "faces", source=source, columns=columns, format="csv", header=True
    )
    equal(status, "COPY 1")
    equal(await names(connection), ["ann", "bob", "cleo"])


@check("copies out a query with parameters, and a collection")
async def copy_out():
    connection = await empty(await connect())
    await connection.executemany(INSERT, [("ann", EAST), ("bob", NORTH)])
    query = "SELECT external_face_id, embedding FROM faces WHERE external_face_id <> $1 ORDER BY 1"
    target = io.BytesIO()
    status = await connection.copy_from_query(query, "bob", output=target, format="csv")
    equal((status, list(csv.reader(io.StringIO(target.getvalue().decode())))), ("COPY 1", [["ann", "[1,0,0]"]]))
    target = io.BytesIO()
    await connection.copy_from_query(query, "nobody", output=target, format="binary")
    equal(target.getvalue()[:11], b"PGCOPY\n\xff\r\n\0")
    target = io.BytesIO()
    columns = ["external_face_id"]
    status = await connection.copy_from_table("faces", columns=columns, output=target)
    equal((status, target.getvalue()), ("COPY 2", b"ann\nbob\n"))


@check("sends several statements in one text, and hears notices")
async def several():
    connection = await connect()
    notices = []
    connection.add_log_listener(lambda _, notice: notices.append(notice.sqlstate))
    equal(
        await connection.execute("SELECT 1; DROP COLLECTION IF EXISTS nowhere"), "DROP COLLECTION"
    )
    equal(notices, ["00000"])


@check("is told that there is nothing to LISTEN to")
async def listens():
    connection = await connect()
    await refused(
        asyncpg.FeatureNotSupportedError, connection.add_listener("faces", lambda *_: None)
    )


@check("cancels a statement whose task is cancelled, or whose time is over")
async def cancels():
    connection = await connect()
    await refused(TimeoutError, connection.fetch(ENDLESS, timeout=0.2))
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await asyncio.sleep(0)
    running.cancel()
    await refused(asyncio.CancelledError, running)
    equal(await connection.fetchval("SELECT 1::int"), 1)
    await connection.execute("SET statement_timeout = 50")
    await refused(asyncpg.QueryCanceledError, connection.fetch(ENDLESS))


@check("raises errors by their SQLSTATE, with position")
async def sqlstates():
    connection = await empty(await connect())
    for query, kind in (
        ("SELECT * FROM nowhere", asyncpg.UndefinedTableError),
        ("SELECT no FROM faces", asyncpg.UndefinedColumnError),
        ("SELECT no(1)", asyncpg.UndefinedFunctionError),
        ("SELECT 1 / 0", asyncpg.DivisionByZeroError),
        ("SELECT 'x'::int", asyncpg.InvalidTextRepresentationError),
        ("SELECT 3000000000::int", asyncpg.NumericValueOutOfRangeError),
        ("DROP COLLECTION nowhere", asyncpg.UndefinedTableError),
        ("CREATE TABLE others (n int)", asyncpg.FeatureNotSupportedError),
        ("ROLLBACK TO nowhere", asyncpg.NoActiveSQLTransactionError),
    ):
        await refused(kind, connection.fetch(query))
    error = await refused(asyncpg.PostgresSyntaxError, connection.fetch("SELEC 1"))
    equal((error.sqlstate, error.position, error.severity), ("42601", "1", "ERROR"))
    face = await connection.fetchval(INSERT + " RETURNING face_id", "ann", EAST)
    again = "INSERT INTO faces (face_id, embedding) VALUES ($1, $2::real[])"
    await refused(asyncpg.UniqueViolationError, connection.execute(again, face, EAST))
    await refused(asyncpg.DataError, connection.fetch("SELECT $1::int", "x"))


run(["asyncpg", "pgvector"])
