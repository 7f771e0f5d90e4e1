"""asyncpg: everything prepared and in binary, types looked up in the catalog."""

import io

import asyncpg
import pgvector.asyncpg
from checks import DATABASE, EAST, HOST, NORTH, PASSWORD, PORT, UP, USER, check, equal, run

INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2)"


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


@check("prepares a statement, and describes it")
async def prepared():
    connection = await connect()
    statement = await connection.prepare(
        "SELECT face_id, confidence FROM faces WHERE external_face_id = $1"
    )
    equal([kind.name for kind in statement.get_parameters()], ["text"])
    described = [(column.name, column.type.name) for column in statement.get_attributes()]
    equal(described, [("face_id", "text"), ("confidence", "float4")])
    adding = await connection.prepare("SELECT $1::int + 1")
    equal([await adding.fetchval(number) for number in range(5)], [1, 2, 3, 4, 5])


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
    await connection.execute(INSERT, "ann", EAST)
    equal(await connection.fetchval("SELECT embedding FROM faces"), EAST)
    equal(await connection.fetchval("SELECT $1::vector", UP), UP)
    await connection.reset_type_codec("vector", schema="public")
    equal(await connection.fetchval("SELECT embedding FROM faces"), "[1,0,0]")


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


@check("sends several statements in one text, and hears notices")
async def several():
    connection = await connect()
    notices = []
    connection.add_log_listener(lambda _, notice: notices.append(notice.sqlstate))
    equal(
        await connection.execute("SELECT 1; DROP COLLECTION IF EXISTS nowhere"), "DROP COLLECTION"
    )
    equal(notices, ["00000"])


@check("reports SQLSTATEs, and ends statements in time")
async def sqlstates():
    connection = await connect()
    await refused(asyncpg.UndefinedTableError, connection.fetch("SELECT * FROM nowhere"))
    await refused(asyncpg.UndefinedColumnError, connection.fetch("SELECT no FROM faces"))
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    await refused(TimeoutError, connection.fetch(endless, timeout=0.2))
    equal(await connection.fetchval("SELECT 1::int"), 1)


run(["asyncpg", "pgvector"])
