"""Django: its introspection, and its ORM over a collection that it does not manage."""

import io
import json

import django
from checks import (
    DATABASE,
    EAST,
    HOST,
    NORTH,
    PASSWORD,
    PORT,
    UP,
    USER,
    check,
    equal,
    expect,
    guide,
    run,
)
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": DATABASE,
            "USER": USER,
            "PASSWORD": PASSWORD,
            "HOST": HOST,
            "PORT": PORT,
        }
    },
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.utils import ProgrammingError  # noqa: E402
from pgvector.django import CosineDistance, VectorField  # noqa: E402


class Face(models.Model):
    face_id = models.TextField(primary_key=True, db_default=models.Value(None))
    external_face_id = models.TextField(null=True)
    metadata = models.JSONField(null=True)
    created_at = models.DateTimeField()
    embedding = VectorField(dimensions=3)

    class Meta:
        managed = False
        db_table = "faces"
        app_label = "matrix"


def names(query):
    return list(query.order_by("external_face_id").values_list("external_face_id", flat=True))


def fill():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM faces")
        insert = "INSERT INTO faces (external_face_id, metadata, embedding) VALUES (%s, %s, %s)"
        for name, face in (("ann", EAST), ("bob", NORTH), ("cleo", UP)):
            cursor.execute(insert, (name, '{"team": "red"}', face))


@check("lists tables, columns, keys and relations")
def introspects():
    with connection.cursor() as cursor:
        found = connection.introspection
        tables = found.get_table_list(cursor)
        equal(
            [(table.name, table.type, table.comment) for table in tables],
            [("faces", "t", "of the matrix")],
        )
        columns = {column.name: column for column in found.get_table_description(cursor, "faces")}
        equal(len(columns), 11)
        equal((columns["face_id"].null_ok, columns["metadata"].null_ok), (False, True))
        equal(found.get_primary_key_column(cursor, "faces"), "face_id")
        equal(
            (found.get_relations(cursor, "faces"), found.get_sequences(cursor, "faces")), ({}, [])
        )
        constraints = found.get_constraints(cursor, "faces")
        key = constraints["faces_pkey"]
        equal((key["columns"], key["primary_key"], key["unique"]), (["face_id"], True, True))


@check("writes models from the catalog (inspectdb)")
def inspects():
    written = io.StringIO()
    call_command("inspectdb", stdout=written)
    text = written.getvalue()
    equal("class Faces(models.Model):" in text, True)
    equal("face_id = models.TextField(primary_key=True)" in text, True)
    equal("created_at = models.DateTimeField()" in text, True)
    equal("db_table_comment = 'of the matrix'" in text, True)


@check("filters, orders, counts and aggregates")
def queries():
    equal(names(Face.objects.filter(external_face_id__in=["ann", "bob"])), ["ann", "bob"])
    equal(names(Face.objects.filter(external_face_id__startswith="cl")), ["cleo"])
    equal(names(Face.objects.filter(external_face_id__icontains="NN")), ["ann"])
    equal(names(Face.objects.exclude(external_face_id="ann")), ["bob", "cleo"])
    equal((Face.objects.count(), Face.objects.filter(external_face_id="x").exists()), (3, False))
    equal(Face.objects.aggregate(last=models.Max("external_face_id"))["last"], "cleo")
    ann = Face.objects.get(external_face_id="ann")
    equal(
        (ann.metadata, ann.embedding, ann.created_at.tzinfo is not None),
        ({"team": "red"}, EAST, True),
    )


@check("updates, saves and deletes objects")
def writes():
    bob = Face.objects.get(external_face_id="bob")
    bob.metadata = {"team": "blue"}
    bob.save(update_fields=["metadata"])
    equal(Face.objects.get(face_id=bob.face_id).metadata, {"team": "blue"})
    equal(Face.objects.filter(external_face_id="ann").update(external_face_id="anna"), 1)
    bob.delete()
    equal(Face.objects.filter(external_face_id="cleo").delete()[0], 1)
    equal(names(Face.objects.all()), ["anna"])


@check("nests transactions as savepoints (transaction.atomic)")
def atomic():
    with transaction.atomic():
        Face.objects.filter(external_face_id="ann").delete()
        try:
            with transaction.atomic():
                Face.objects.all().delete()
                raise RuntimeError("taken back")
        except RuntimeError:
            equal(names(Face.objects.all()), ["bob", "cleo"])
    equal(names(Face.objects.all()), ["bob", "cleo"])


@check("iterates with a cursor of the server")
def iterates():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO faces (external_face_id, embedding) SELECT 'n' || n, '[0, 0, 1]' FROM generate_series(1, 500) t(n)"
        )
    found = Face.objects.values_list("external_face_id", flat=True).iterator(chunk_size=100)
    equal(len(set(found)), 503)


@check("orders by distance (pgvector)")
def distances():
    nearest = Face.objects.order_by(CosineDistance("embedding", [0.1, 0.9, 0.0]))[:2]
    equal([face.external_face_id for face in nearest], ["bob", "ann"])


@check("searches")
def searches():
    query = "SELECT face_id, external_face_id, similarity FROM (SEARCH FACES IN faces EMBEDDING %s::real[] LIMIT 1) s"
    (found,) = Face.objects.raw(query, [[1.0, 0.1, 0.0]])
    equal(found.external_face_id, "ann")


@check("creates no table, and says why")
def creates():
    class Other(models.Model):
        class Meta:
            app_label = "matrix"

    def create():
        with connection.schema_editor() as editor:
            editor.create_model(Other)

    expect((ProgrammingError, django.db.utils.NotSupportedError), create)


@check("does what the guide for ORMs says")
def follows_the_guide():
    defined = guide("Django")
    Face.objects.all().delete()
    face_id = defined["enrol"]("ann", EAST)
    defined["enrol"]("bob", NORTH)
    found = list(defined["nearest"](EAST))
    equal([user.external_face_id for user in found], ["ann", "bob"])
    equal((found[0].face_id, found[0].metadata), (face_id, {"team": "red"}))


@check("explains queries as documents")
def explains():
    (plan,) = json.loads(Face.objects.filter(external_face_id="ann").explain(format="json"))
    equal("Node Type" in plan["Plan"], True)


run(["Django", "psycopg", "pgvector"], before=fill)
