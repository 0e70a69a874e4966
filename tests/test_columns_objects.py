"""Rows as objects: each in the order of its fields, as in DRF, and then as columns."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone, translation
from rest_framework import serializers

from columnsapp import data
from columnsapp.compare import both, prepared, streamed
from columnsapp.models import Detail, Maker, Shouter, Tag, Thing
from columnsapp.serializers import model_serializer, plain

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize

NameSerializer = model_serializer(Maker, ["name", "country"])
TagSerializer = model_serializer(Tag, ["id", "label"])


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    data.make()


def check(serializer: Any, rows: Any, *chunk_sizes: int) -> None:
    assert prepared(serializer, rows).grade == "objects"
    for chunk_size in chunk_sizes or (2, 100):
        actual, expected = both(serializer, rows, chunk_size)
        assert actual == expected
    assert isinstance(expected, bytes)


def with_method(method: Callable[[Any, Any], Any], **fields: Any) -> Any:
    """Return a serializer of these fields with one before and one after that run a method."""
    before = serializers.SerializerMethodField()
    # Fields are in the order in which they were made.
    before._creation_counter = -1
    return plain(
        before=before,
        **fields,
        after=serializers.SerializerMethodField(),
        get_before=method,
        get_after=method,
    )


def one(self: Any, row: Any) -> int:
    return 1


@on(
    "field",
    [
        serializers.CharField(source="name"),
        serializers.DateTimeField(source="moment"),
        serializers.DecimalField(10, 2, source="price"),
        serializers.CharField(source="maker.country"),
        serializers.CharField(source="parent.name", required=False),
        serializers.CharField(source="get_status_display"),
        NameSerializer(source="maker"),
        NameSerializer(source="backup"),
        TagSerializer(source="tags", many=True),
        serializers.SlugRelatedField("label", source="tags", many=True, read_only=True),
        plain(name=serializers.CharField(), moment=serializers.DateTimeField())(source="*"),
    ],
    ids=lambda field: str(field.source),
)
def test_columns_among_fields_that_see_the_object(field: Any):
    check(with_method(one, f=field), Thing.objects.all())
    check(with_method(one, f=field), Thing.objects.filter(pk=-1), 2)


def test_columns_of_objects_without_a_method():
    serializer = plain(id=serializers.IntegerField(), maker=NameSerializer())
    check(serializer, Thing.objects.defer("text"))


def test_a_related_object_that_is_missing_is_null():
    Thing.objects.filter(loose__isnull=True).update(loose=10**6)
    serializer = plain(loose=NameSerializer(), named=NameSerializer())
    rows = Thing.objects.filter(pk__lte=3)
    actual, expected = both(serializer, rows)
    assert actual == expected


def test_a_method_may_take_a_related_object_away():
    def lose(self: Any, thing: Thing) -> int:
        thing.maker_id = None if thing.pk % 2 else thing.maker_id
        return 1

    check(with_method(lose, maker=NameSerializer()), Thing.objects.all())


def test_a_method_may_change_what_later_fields_show():
    def rename(self: Any, thing: Thing) -> int:
        thing.maker.name += "!"
        thing.name += "?"
        return 1

    name = serializers.CharField()
    serializer = with_method(rename, maker=NameSerializer(), name=name)
    check(serializer, Thing.objects.select_related("maker"))


@on("order", [["maker", "count"], ["count", "maker"]])
def test_a_method_that_changes_an_object_that_rows_share(order: list[str]):
    def count(self: Any, thing: Thing) -> int:
        thing.maker.country = f"{thing.maker.country}+"
        return 1

    serializer = model_serializer(
        Thing,
        order,
        maker=NameSerializer(),
        count=serializers.SerializerMethodField(),
        get_count=count,
    )
    # Each chunk has prefetched objects of its own.
    check(serializer, Thing.objects.prefetch_related("maker"), 100)


def test_a_method_that_changes_time_zone_and_language():
    def activate(self: Any, thing: Thing) -> int:
        timezone.activate(["UTC", "Asia/Tokyo"][thing.pk % 2])
        translation.activate(["en", "de"][thing.pk % 2])
        return 1

    moment = serializers.DateTimeField()
    serializer = with_method(activate, moment=moment, rank=serializers.CharField())
    try:
        check(serializer, Thing.objects.all())
    finally:
        timezone.deactivate()
        translation.activate("en-us")


class Counting(serializers.ModelSerializer):
    """Number the rows, across chunks."""

    place = serializers.SerializerMethodField()

    class Meta:
        model = Thing
        fields = ["name", "place"]

    def get_place(self, thing: Thing) -> int:
        self._seen = getattr(self, "_seen", 0) + 1
        return self._seen


def test_one_serializer_sees_all_rows_in_order():
    check(Counting, Thing.objects.all())


def test_rows_that_are_no_objects_of_the_model_are_left_to_drf():
    Shouter.objects.create(name="a", kind="loud")
    Shouter.objects.create(name="b", kind="")
    check(model_serializer(Shouter, ["name", "voice"]), Shouter.objects.all())


class TestOneField:
    """What a field makes of one object."""

    @on(
        "source",
        ["method", "optional", "static", "klass", "shout", "wrong", "broken", "attribute", "maker"],
    )
    def test_whatever_an_attribute_is(self, source: str):
        Thing.attribute = "of the class"
        Thing.static = staticmethod(lambda: 1)
        Thing.klass = classmethod(lambda cls: cls.__name__)
        Thing.optional = lambda self, more=1: self.number + more
        Thing.wrong = lambda self, more: more
        Thing.broken = lambda self: self.no_such
        try:
            serializer = plain(f=serializers.CharField(source=source))
            actual, expected = both(serializer, Thing.objects.all())
        finally:
            for name in ("attribute", "static", "klass", "optional", "wrong", "broken"):
                delattr(Thing, name)
        assert actual == expected
        assert isinstance(expected, bytes) is (source != "broken")

    def test_a_method_that_one_object_replaces(self):
        def replace(self: Any, thing: Thing) -> int:
            if thing.pk % 2:
                thing.method = lambda: 100  # type: ignore[method-assign]
            return 1

        method = serializers.IntegerField(source="method")
        check(with_method(replace, f=method), Thing.objects.all())

    @on("option", [{"allow_null": True}, {"required": False}, {"default": 5}, {}])
    def test_a_method_that_fails_fails_as_in_drf(self, option: dict[str, Any]):
        Thing.broken = lambda self: self.maker.no_such if self.pk % 2 else 1
        try:
            serializer = plain(f=serializers.CharField(source="broken", **option))
            actual, expected = both(serializer, Thing.objects.all())
        finally:
            del Thing.broken
        assert actual == expected
        assert actual[0] is ValueError

    def test_a_field_without_a_value_is_left_out(self):
        serializer = plain(
            id=serializers.IntegerField(),
            size=serializers.IntegerField(source="detail.size", required=False),
        )
        assert Detail.objects.exists()
        check(serializer, Thing.objects.all())
        assert b"size" in streamed(serializer, Thing.objects.all())

    def test_a_method_field_of_ones_own(self):
        class Named(serializers.SerializerMethodField):
            def get_attribute(self, instance: Thing) -> Any:
                return instance

        class Doubled(serializers.SerializerMethodField):
            def to_representation(self, attribute: Any) -> Any:
                return [super().to_representation(attribute)] * 2

        serializer = plain(a=Named(), b=Doubled(), get_a=one, get_b=one)
        check(serializer, Thing.objects.all())
