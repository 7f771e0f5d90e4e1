"""SQLAlchemy: its dialect's questions when it connects and reflects, and its ORM."""

import datetime

import sqlalchemy
from checks import EAST, NORTH, UP, check, equal, expect, guide, run, url
from pgvector.sqlalchemy import Vector
from sqlalchemy import ARRAY, REAL, TIMESTAMP, MetaData, Table, Text, func, inspect, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ENGINES = {}


def engine(driver="psycopg"):
    if driver not in ENGINES:
        ENGINES[driver] = sqlalchemy.create_engine(url(f"postgresql+{driver}"))
    return ENGINES[driver]


class Base(DeclarativeBase):
    pass


class Face(Base):
    __tablename__ = "faces"
    face_id: Mapped[str] = mapped_column(primary_key=True, server_default=sqlalchemy.FetchedValue())
    external_face_id: Mapped[str | None]
    # `metadata` is a name that the declarative base keeps to itself.
    notes: Mapped[dict | None] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime.datetime] = mapped_column(
        TIMESTAMP(timezone=True), server_default=sqlalchemy.FetchedValue()
    )
    embedding: Mapped[list[float]] = mapped_column(Vector(3))


def clear():
    with engine().begin() as connection:
        connection.execute(text("DELETE FROM faces"))


def people():
    pairs = [("ann", EAST), ("bob", NORTH), ("cleo", UP)]
    return [Face(external_face_id=name, embedding=face) for name, face in pairs]


def names(session):
    return session.scalars(select(Face.external_face_id).order_by(Face.external_face_id)).all()


@check("connects, and knows the server's version")
def connects():
    for driver in ("psycopg", "psycopg2"):
        with engine(driver).connect() as connection:
            equal(connection.dialect.server_version_info[0] >= 15, True)
            equal(connection.dialect.default_schema_name, "public")
            equal(connection.get_isolation_level(), "REPEATABLE READ")
            sent = {"n": 7, "s": "é", "f": 0.25}
            found = connection.execute(text("SELECT :n + 1, :s, CAST(:f AS real)"), sent).one()
            equal(tuple(found), (8, "é", 0.25))


@check("reflects tables, columns and comments")
def reflects_columns():
    found = inspect(engine())
    equal(found.get_schema_names(), ["information_schema", "public"])
    equal((found.get_table_names(), found.get_view_names()), (["faces"], []))
    equal((found.has_table("faces"), found.has_table("nowhere")), (True, False))
    columns = {column["name"]: column for column in found.get_columns("faces")}
    kinds = {name: type(column["type"]) for name, column in columns.items()}
    equal(kinds["face_id"], sqlalchemy.TEXT)
    equal(kinds["confidence"], REAL)
    equal(kinds["metadata"], JSONB)
    equal(columns["created_at"]["type"].timezone, True)
    equal(type(columns["bounding_box"]["type"].item_type), REAL)
    equal((kinds["embedding"], columns["embedding"]["type"].dim), (Vector, 3))
    equal((columns["face_id"]["nullable"], columns["metadata"]["nullable"]), (False, True))
    equal(found.get_table_comment("faces"), {"text": "of the matrix"})
    expect(sqlalchemy.exc.NoSuchTableError, found.get_columns, "nowhere")


@check("reflects keys, indexes and constraints")
def reflects_keys():
    found = inspect(engine())
    key = found.get_pk_constraint("faces")
    equal((key["name"], key["constrained_columns"]), ("faces_pkey", ["face_id"]))
    equal(found.get_indexes("faces"), [])
    equal(found.get_foreign_keys("faces"), [])
    equal(found.get_unique_constraints("faces"), [])
    equal(found.get_check_constraints("faces"), [])
    equal((found.get_sequence_names(), found.get_enums()), ([], []))


@check("loads a table from the catalog")
def autoload():
    for driver in ("psycopg", "psycopg2"):
        faces = Table("faces", MetaData(), autoload_with=engine(driver))
        equal([column.name for column in faces.primary_key], ["face_id"])
        with engine(driver).begin() as connection:
            connection.execute(faces.insert().values(external_face_id=driver, embedding=EAST))
            row = connection.execute(select(faces).where(faces.c.external_face_id == driver)).one()
            equal((row.external_face_id, row.model), (driver, "external"))
    metadata = MetaData()
    metadata.reflect(engine())
    equal(list(metadata.tables), ["faces"])


@check("adds, changes and deletes objects")
def orm():
    with Session(engine()) as session:
        ann = Face(external_face_id="ann", notes={"team": "red"}, embedding=EAST)
        session.add(ann)
        session.commit()
        equal(
            (ann.face_id[:2], ann.notes, ann.created_at.tzinfo is not None),
            ("f_", {"team": "red"}, True),
        )
        ann.external_face_id, ann.notes = "anna", {"team": "blue"}
        session.commit()
        found = session.scalars(select(Face).where(Face.external_face_id == "anna")).one()
        equal((found.notes, list(found.embedding)), ({"team": "blue"}, EAST))
        session.delete(found)
        session.commit()
        equal(session.scalar(select(func.count()).select_from(Face)), 0)


@check("inserts many objects in one statement, and learns their keys")
def many():
    with Session(engine()) as session:
        faces = people()
        session.add_all(faces)
        session.commit()
        equal(len({face.face_id for face in faces}), 3)
        for face in faces:
            session.refresh(face)
        equal([face.external_face_id for face in faces], ["ann", "bob", "cleo"])
        rows = [{"external_face_id": f"n{number}", "embedding": UP} for number in range(1200)]
        returned = session.scalars(sqlalchemy.insert(Face).returning(Face.external_face_id), rows)
        equal(sorted(returned.all()), sorted(row["external_face_id"] for row in rows))


@check("nests transactions as savepoints")
def savepoints():
    with Session(engine()) as session, session.begin():
        session.add(people()[0])
        nested = session.begin_nested()
        session.add(people()[1])
        session.flush()
        nested.rollback()
        with session.begin_nested():
            session.add(people()[2])
    with Session(engine()) as session:
        equal(names(session), ["ann", "cleo"])


@check("updates and deletes by statement, and leaves out what is there already")
def statements():
    with Session(engine()) as session:
        session.add_all(people())
        session.flush()
        changed = (
            sqlalchemy.update(Face).where(Face.external_face_id == "ann").values(notes={"a": 1})
        )
        equal(session.execute(changed).rowcount, 1)
        gone = sqlalchemy.delete(Face).where(Face.external_face_id.in_(["bob", "nobody"]))
        equal(session.execute(gone).rowcount, 1)
        equal(names(session), ["ann", "cleo"])


@check("streams results")
def streams():
    with engine("psycopg2").connect() as connection:
        query = text("SELECT n FROM generate_series(1, 1000) AS t(n)")
        rows = connection.execution_options(stream_results=True, max_row_buffer=50).execute(query)
        equal(sum(row.n for row in rows), 500500)
    with engine().connect() as connection:
        rows = connection.execution_options(yield_per=50).execute(query)
        equal(sum(row.n for row in rows), 500500)


@check("searches, and joins what it finds")
def searches():
    with Session(engine()) as session:
        session.add_all(people())
        session.flush()
        found = text(
            "SELECT face_id, similarity FROM (SEARCH FACES IN faces EMBEDDING CAST(:face AS real[]) LIMIT 2) s"
        ).bindparams(sqlalchemy.bindparam("face", [1.0, 0.1, 0.0], ARRAY(REAL)))
        hits = found.columns(face_id=Text, similarity=REAL).subquery("hits")
        query = (
            select(Face.external_face_id)
            .join(hits, hits.c.face_id == Face.face_id)
            .order_by(hits.c.similarity.desc())
        )
        equal(session.scalars(query).all(), ["ann", "bob"])


@check("asyncpg: adds, changes and finds objects by their vectors")
async def with_asyncpg():
    of_asyncpg = create_async_engine(url("postgresql+asyncpg"))
    async with AsyncSession(of_asyncpg, expire_on_commit=False) as session:
        ann, *others = people()
        session.add_all([ann, *others])
        await session.commit()
        ann.embedding, ann.notes = [0.0, 0.6, 0.8], {"team": "red"}
        await session.commit()
        await session.refresh(ann)
        equal([round(number, 6) for number in ann.embedding], [0.0, 0.6, 0.8])
        nearest = Face.embedding.cosine_distance([0.0, 0.7, 0.7])
        query = select(Face.external_face_id).order_by(nearest).limit(1)
        equal(await session.scalar(query), "ann")
    await of_asyncpg.dispose()


@check("reports SQLSTATEs")
def sqlstates():
    with engine().connect() as connection:
        error = expect(
            sqlalchemy.exc.ProgrammingError, connection.execute, text("SELECT * FROM nowhere")
        )
        equal(error.orig.sqlstate, "42P01")


@check("does what the guide for ORMs says")
def follows_the_guide():
    defined = guide("SQLAlchemy")
    with Session(engine()) as session:
        face_id = defined["enrol"](session, "ann", EAST)
        defined["enrol"](session, "bob", NORTH)
        session.commit()
        found = list(defined["nearest"](session, EAST))
        equal([user.external_face_id for user in found], ["ann", "bob"])
        equal((found[0].face_id, found[0].notes), (face_id, {"team": "red"}))


run(["SQLAlchemy", "psycopg", "psycopg2-binary", "asyncpg", "pgvector"], before=clear)
