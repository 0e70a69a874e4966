"""What is read from columns, what isn't, and the reason that users are told."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Count, F, Prefetch
from rest_framework import relations, serializers

from columnsapp import data
from columnsapp.compare import both, prepared, reasons
from columnsapp.models import (
    Built,
    Crate,
    FromDb,
    Holder,
    Item,
    Label,
    LoudName,
    Maker,
    Member,
    Note,
    Nut,
    Part,
    Received,
    Screw,
    Serializable,
    Tag,
    Thing,
)
from columnsapp.serializers import model_serializer, plain

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize

NameSerializer = model_serializer(Maker, ["name"])


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    data.make()


def check(serializer: Any, rows: Any) -> None:
    actual, expected = both(serializer, rows)
    assert actual == expected


class Shouting(serializers.CharField):
    def to_representation(self, value: str) -> str:
        return value.upper()


class Listed(serializers.ListSerializer):
    def to_representation(self, data: Any) -> Any:
        return super().to_representation(data)


class ByKeyAlone(relations.PrimaryKeyRelatedField):
    def use_pk_only_optimization(self) -> bool:
        return False


class Whole(serializers.ReadOnlyField):
    def get_attribute(self, instance: Thing) -> Any:
        return instance.name


class Chain(serializers.ModelSerializer):
    class Meta:
        model = Thing
        fields = ["id"]

    def get_fields(self) -> Any:
        return {**super().get_fields(), "parent": type(self)()}


class Named(serializers.BaseSerializer):
    def to_representation(self, instance: Maker) -> str:
        return instance.name


METHOD = plain(f=serializers.SerializerMethodField(), get_f=lambda self, row: 1)


@on(
    ("field", "reason"),
    [
        (serializers.SerializerMethodField("get_f"), "a method of the serializer computes it"),
        (Shouting(source="name"), "Shouting overrides methods of DRF"),
        (Whole(), "Whole overrides methods of DRF"),
        (serializers.CharField(source="shout"), "Thing.shout is no column"),
        (serializers.CharField(source="method"), "Thing.method is no column"),
        (serializers.FileField(source="file"), "Thing.file is no column"),
        (serializers.CharField(source="maker.motto"), "has a from_db_value() of its own"),
        (serializers.ModelField(Thing._meta.get_field("ip"), source="ip"), "the whole object"),
        (serializers.CharField(source="backup.name"), "fails where the related object is missing"),
        (serializers.CharField(source="backup.name", default=""), "has a default where the"),
        (serializers.IntegerField(source="detail.size"), "Thing.detail is no foreign key"),
        (serializers.StringRelatedField(source="maker"), "has to see the related object"),
        (ByKeyAlone(source="maker", read_only=True), "ByKeyAlone overrides methods of DRF"),
        (
            serializers.PrimaryKeyRelatedField(source="backup.owner", read_only=True),
            "a related object on the way may be missing",
        ),
        (
            serializers.SlugRelatedField("owner__name", source="backup", read_only=True),
            "a related object on the way may be missing",
        ),
        (NameSerializer(source="parent.maker"), "its source is a path of attributes"),
        (NameSerializer(source="loose"), "nothing in the database assures that Thing.loose"),
        (METHOD(source="maker"), "f in it: a method of the serializer computes it"),
        (METHOD(source="tags", many=True), "f in it: a method of the serializer computes it"),
        (model_serializer(Note)(source="notes", many=True), "is no relation to many objects"),
        (
            serializers.StringRelatedField(source="tags", many=True),
            "StringRelatedField has to see the related object",
        ),
        (
            serializers.PrimaryKeyRelatedField(source="maker.tags", many=True, read_only=True),
            "its source is no relation of the object itself",
        ),
        (Listed(child=NameSerializer(), source="tags"), "Listed overrides methods of DRF"),
        (Chain(source="parent"), "parent in it: Chain contains itself"),
        (Named(source="maker"), "Named overrides methods of DRF"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_field_that_is_no_column_says_why(field: Any, reason: str):
    serializer = plain(f=field, get_f=lambda self, row: 1)
    found = prepared(serializer, Thing.objects.all())
    assert found.grade == "objects"
    assert reason in reasons(found)["f"]
    check(serializer, Thing.objects.all())


def test_fields_that_are_not_shown_need_no_column():
    fields = {"hidden": serializers.HiddenField(default=1), "name": serializers.CharField()}
    serializer = plain(**fields, secret=Shouting(write_only=True))
    assert prepared(serializer, Thing.objects.all()).grade == "columns"
    check(serializer, Thing.objects.all())


@on(
    ("field", "column"),
    [
        (serializers.CharField(source="backup.name", allow_null=True), "backup__name"),
        (serializers.CharField(source="backup.name", required=False), "backup__name"),
        (serializers.ReadOnlyField(source="parent.maker.name"), "parent__maker__name"),
        (serializers.CharField(source="get_status_display"), "status"),
        (serializers.CharField(source="get_rank_display"), "rank"),
        (serializers.PrimaryKeyRelatedField(source="parent", read_only=True), "parent_id"),
        (serializers.PrimaryKeyRelatedField(source="maker_id", read_only=True), "maker_id"),
        (serializers.PrimaryKeyRelatedField(source="pk", read_only=True), "id"),
        (serializers.SlugRelatedField("name", source="backup", read_only=True), "backup__name"),
        (
            serializers.HyperlinkedRelatedField("airline-detail", source="maker", read_only=True),
            "maker_id",
        ),
        (serializers.HyperlinkedIdentityField("airline-detail"), "id"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_field_that_is_one_column(field: Any, column: str):
    serializer = plain(f=field)
    found = prepared(serializer, Thing.objects.all())
    assert found.grade == "columns"
    assert found.plan is not None
    assert "__".join(found.plan.entries[0].source.path) == column
    check(serializer, Thing.objects.all())


@on(
    "child",
    [
        model_serializer(Tag, ["id", "label"])(many=True),
        serializers.PrimaryKeyRelatedField(many=True, read_only=True),
        serializers.SlugRelatedField("label", many=True, read_only=True),
        serializers.HyperlinkedRelatedField("airline-detail", many=True, read_only=True),
    ],
)
def test_a_list_is_found_with_one_query_a_chunk(child: Any):
    serializer = plain(tags=child)
    assert prepared(serializer, Thing.objects.all()).grade == "columns"
    check(serializer, Thing.objects.all())


def test_objects_of_a_list_may_show_what_they_belong_to():
    thing = model_serializer(Thing, ["id", "maker"])
    serializer = model_serializer(Maker, ["id", "things"], things=thing(many=True))
    assert prepared(serializer, Maker.objects.all()).grade == "columns"
    check(serializer, Maker.objects.all())


class ShoutingThing(model_serializer(Thing, ["id"])):  # type: ignore[misc]
    def to_representation(self, instance: Thing) -> Any:
        return {"ID": instance.pk}


class OwnFields(model_serializer(Thing, ["id", "name"])):  # type: ignore[misc]
    @property
    def _readable_fields(self) -> Iterator[Any]:
        return iter([self.fields["id"]])


@on(
    ("serializer", "reason"),
    [
        (ShoutingThing, "ShoutingThing overrides to_representation()"),
        (OwnFields, "OwnFields overrides _readable_fields"),
        (plain(), "PlainSerializer has no readable fields"),
        (plain(a=serializers.CharField(write_only=True)), "PlainSerializer has no readable fields"),
        (Named, "Named is no Serializer with fields"),
    ],
)
def test_a_serializer_that_represents_by_itself_is_left_to_drf(serializer: Any, reason: str):
    found = prepared(serializer, Thing.objects.all())
    assert (found.grade, found.reason) == ("DRF", reason)
    check(serializer, Thing.objects.all())


def test_a_list_that_represents_itself_is_left_to_drf():
    base = model_serializer(Thing, ["id"])

    class WithList(base):
        class Meta(base.Meta):
            list_serializer_class = Listed

    found = prepared(WithList, Thing.objects.all())
    assert (found.grade, found.reason) == ("DRF", "Listed represents the list as a whole")
    check(WithList, Thing.objects.all())


@on(
    ("rows", "reason"),
    [
        (lambda: Thing.objects.values("id", "name"), "the rows are values()"),
        (lambda: Thing.objects.all() | Thing.objects.none(), None),
        (lambda: Thing.objects.filter(id__gt=3).union(Thing.objects.none()), "several querysets"),
        (lambda: Thing.objects.raw("SELECT * FROM columnsapp_thing"), "the rows are no queryset"),
        (lambda: [*Thing.objects.all()], "the rows are no queryset"),
        (lambda: Item.objects.all(), "Item is a mapping"),
    ],
)
def test_rows_that_are_no_objects_are_left_to_drf(rows: Any, reason: str | None):
    Item.objects.create(name="a")
    serializer = plain(id=serializers.ReadOnlyField(), name=serializers.CharField())
    found = prepared(serializer, rows)
    assert found.grade == ("columns" if reason is None else "DRF")
    assert (reason or "") in found.reason
    check(serializer, rows)


@on(
    ("rows", "reason"),
    [
        (lambda: Thing.objects.defer("text"), "the queryset has defer() or only()"),
        (lambda: Thing.objects.only("name"), "the queryset has defer() or only()"),
        (lambda: Thing.objects.extra(where=["1 = 1"]), None),
        (lambda: Thing.objects.extra(select={"a": "1"}), "the queryset has extra()"),
        (lambda: Thing.objects.select_for_update(), "the queryset has select_for_update()"),
        (
            lambda: Thing.objects.annotate(n=Count("tags")).distinct(),
            "the queryset is distinct() by more than its columns",
        ),
        (lambda: Screw.objects.all(), "OwnRows overrides iterator()"),
        (lambda: Built.objects.all(), "Built overrides __init__()"),
        (lambda: FromDb.objects.all(), "FromDb overrides from_db()"),
        (lambda: Received.objects.all(), "a receiver of post_init may change objects of Received"),
    ],
)
def test_objects_that_may_hold_something_else_are_made(rows: Any, reason: str | None):
    for model in (Screw, Built, FromDb, Received):
        model.objects.create(name="a")
    serializer = plain(id=serializers.ReadOnlyField(), name=serializers.CharField())
    found = prepared(serializer, rows)
    assert (found.grade, found.reason) == (
        ("columns", "") if reason is None else ("objects", reason)
    )
    check(serializer, lambda: rows().order_by("id"))


def test_an_annotation_may_have_the_name_of_a_path():
    serializer = plain(maker=NameSerializer())
    rows = Thing.objects.annotate(maker__name=F("name"))
    found = prepared(serializer, rows)
    assert (found.grade, found.reason) == (
        "objects",
        "an annotation has the name of a path: maker__name",
    )
    check(serializer, rows)


@on(
    ("model", "field", "reason"),
    [
        (Holder, NameSerializer(source="from_db_object"), "FromDb overrides from_db()"),
        (Holder, NameSerializer(source="based"), "Based has a base manager of its own"),
        (Holder, NameSerializer(source="watched"), "Watched overrides __getattribute__()"),
        (
            Holder,
            serializers.SlugRelatedField("bare", source="described", read_only=True),
            "Described.bare is no column",
        ),
        (Holder, plain(name=serializers.CharField())(source="loud"), "LoudName.name has a from_db"),
        (
            Holder,
            model_serializer(Screw)(source="screws", many=True),
            "OwnRows overrides iterator()",
        ),
        (Maker, model_serializer(Part)(source="parts", many=True), "the manager of Part may give"),
        (
            Maker,
            model_serializer(Nut)(source="nuts", many=True),
            "the queryset of nuts joins, slices or annotates",
        ),
        (
            Serializable,
            serializers.PrimaryKeyRelatedField(source="maker", read_only=True),
            "Serializable overrides serializable_value()",
        ),
        (
            Maker,
            serializers.PrimaryKeyRelatedField(source="named", many=True, read_only=True),
            "named refers to something else than the primary key",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_relation_that_a_query_may_not_follow_as_objects_do(model: Any, field: Any, reason: str):
    maker = Maker.objects.all()[0]
    Serializable.objects.create(maker=maker)
    Part(name="b", maker=maker).save()
    Nut(name="b", maker=maker).save()
    Holder.objects.create(loud=LoudName.objects.create(name="a"))
    serializer = plain(f=field)
    found = prepared(serializer, model.objects.all())
    assert found.grade == "objects"
    assert reason in reasons(found)["f"]


def test_a_list_through_a_relation_to_something_else_than_a_key():
    first = Crate.objects.create(code="x")
    first.labels.set([Label.objects.create(text="a"), Label.objects.create(text="b")])
    serializer = model_serializer(Crate, ["labels"])
    found = prepared(serializer, Crate.objects.all())
    assert reasons(found) == {"labels": "labels refers to something else than primary keys"}
    check(serializer, Crate.objects.all())


def test_a_related_object_in_another_database(settings: Any):
    settings.DATABASE_ROUTERS = ["columnsapp.routers.MakersElsewhere"]
    found = prepared(plain(maker=NameSerializer()), Thing.objects.all())
    assert reasons(found) == {"maker": "Maker may be in another database than Thing"}


def test_a_foreign_key_of_several_columns():
    serializer = plain(pair=plain(name=serializers.CharField())())
    found = prepared(serializer, Member.objects.all())
    assert reasons(found) == {"pair": "Member.pair is a foreign key of more than one column"}
    check(serializer, Member.objects.all())


def test_a_prefetch_with_a_queryset_of_its_own_is_the_projects():
    rows = Thing.objects.prefetch_related(Prefetch("maker", Maker.objects.filter(name="Ann")))
    found = prepared(plain(maker=NameSerializer(allow_null=True)), rows)
    assert reasons(found) == {"maker": "the project prefetches maker with a queryset of its own"}


def test_objects_that_are_in_memory_already_are_kept():
    things = Maker.objects.all()[0].things.all()
    found = prepared(plain(maker=NameSerializer()), lambda: things)
    assert reasons(found) == {"maker": "each Thing has a maker that is in memory already"}
