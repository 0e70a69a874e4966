"""The bytes of a stream are those of DRF's own list, for whole serializers on real tables."""

from functools import wraps
from typing import Any

import pytest
from django.db.models import Avg, Count, F, FilteredRelation, Prefetch, Q, Sum, Value
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from columnsapp import data
from columnsapp.compare import both, prepared, selects, streamed
from columnsapp.composed import composed
from columnsapp.models import (
    Based,
    Bolt,
    Built,
    Coded,
    Detail,
    FromDb,
    Gadget,
    Holder,
    Item,
    Lazy,
    LoudName,
    Maker,
    Note,
    Nut,
    Pair,
    Part,
    Received,
    Screw,
    Serializable,
    Spring,
    Tag,
    Thing,
    ThingProxy,
    Washer,
)
from columnsapp.serializers import model_serializer, plain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    data.make()


def check(serializer_class: Any, rows: Any, grade: str | None = None) -> None:
    """Compare the bytes, and see that there are some."""
    for chunk_size in (2, 100):
        actual, expected = both(serializer_class, rows, chunk_size)
        assert actual == expected
    assert isinstance(expected, bytes)
    if grade is not None:
        found = prepared(serializer_class, rows)
        assert (found.grade, found.reason) == (grade, found.reason)


MakerSerializer = model_serializer(Maker)
TagSerializer = model_serializer(Tag, ["id", "label", "weight"])


class TestPrefetches:
    def test_prefetch_inside_the_queryset_of_a_prefetch(self):
        inner = Prefetch("tags", queryset=Tag.objects.filter(weight=1))
        rows = Maker.objects.prefetch_related(
            Prefetch("things", queryset=Thing.objects.prefetch_related(inner))
        )
        thing = model_serializer(Thing, ["id", "tags"])
        check(model_serializer(Maker, ["id", "things"], things=thing(many=True)), rows)

    def test_prefetched_foreign_key_inside_the_queryset_of_a_prefetch(self):
        inner = Prefetch("backup", queryset=Maker.objects.annotate(n=Value(1)).filter(name="Ann"))
        rows = Maker.objects.prefetch_related(
            Prefetch("things", queryset=Thing.objects.prefetch_related(inner))
        )
        thing = model_serializer(Thing, ["id", "backup"], backup=MakerSerializer())
        check(model_serializer(Maker, ["id", "things"], things=thing(many=True)), rows)

    def test_a_default_manager_that_prefetches_with_a_queryset_of_its_own(self):
        maker = Maker.objects.all()[0]
        Bolt.objects.create(name="x", maker=maker).tags.set(Tag.objects.all())
        bolt = model_serializer(Bolt, ["id", "tags"])
        check(model_serializer(Maker, ["id", "bolts"], bolts=bolt(many=True)), Maker.objects.all())

    @pytest.mark.django_db(databases=["default", "other"])
    def test_a_prefetch_from_another_database(self):
        rows = Maker.objects.prefetch_related(
            Prefetch("things", queryset=Thing.objects.using("other"))
        )
        check(model_serializer(Maker, ["id", "things"]), rows)


class TestManagers:
    def test_a_default_manager_with_arguments(self):
        maker = Maker.objects.all()[0]
        for name in "ab":
            Part(name=name, maker=maker).save()
        part = model_serializer(Part, ["id", "name"])
        check(model_serializer(Maker, ["id", "parts"], parts=part(many=True)), Maker.objects.all())

    def test_a_manager_with_an_all_of_its_own(self):
        for maker in Maker.objects.all():
            for name in "ab":
                Washer(name=name, maker=maker).save()
        washer = model_serializer(Washer, ["name"])
        check(model_serializer(Maker, ["washers"], washers=washer(many=True)), Maker.objects.all())

    def test_a_manager_that_knows_its_instance(self):
        for maker in Maker.objects.all():
            for name in "ab":
                Spring(name=name, maker=maker).save()
        check(model_serializer(Maker, ["springs"]), Maker.objects.all())


class TestModels:
    def test_a_child_model_with_a_key_of_its_own(self):
        maker = Maker.objects.all()[0]
        coded = Coded.objects.create(name="coded", maker=maker, code=1)
        coded.tags.set(Tag.objects.all())
        check(
            model_serializer(Coded, ["code", "tags", "hidden_tags", "children"]),
            Coded.objects.all(),
        )

    def test_a_model_that_is_a_mapping(self):
        Item.objects.create(name="a")
        check(model_serializer(Item, ["name"]), Item.objects.all())

    def test_a_related_object_that_is_a_mapping(self):
        Holder.objects.create(item=Item.objects.create(name="a"))
        serializer = plain(item=model_serializer(Item, ["name"])())
        check(serializer, Holder.objects.all())
        check(
            plain(item=serializers.CharField(source="item.name", allow_null=True)),
            Holder.objects.all(),
        )

    def test_a_serializable_value_of_ones_own(self):
        Serializable.objects.create(maker=Maker.objects.all()[0])
        check(model_serializer(Serializable, ["maker"]), Serializable.objects.all())

    def test_hidden_and_symmetrical_many_to_many(self):
        check(model_serializer(Tag, ["similar", "above", "below"]), Tag.objects.all())
        check(model_serializer(Thing, ["hidden_tags", "labelled"]), Thing.objects.all())

    def test_a_composite_key(self):
        for left in (1, 2):
            Pair.objects.create(left=left, right=3, name="x")
        check(
            model_serializer(Pair, ["left", "pk"], pk=serializers.ReadOnlyField()),
            Pair.objects.all(),
        )
        check(model_serializer(Pair, ["name"]), Pair.objects.distinct())

    def test_a_function_in_a_column(self):
        Lazy.objects.create(name="a")
        check(model_serializer(Lazy, ["name"]), Lazy.objects.all())

    def test_a_field_that_makes_something_of_null(self):
        serializer = model_serializer(
            Thing,
            ["id", "motto", "slugged"],
            motto=serializers.CharField(source="backup.motto", allow_null=True),
            slugged=serializers.SlugRelatedField("motto", source="backup", read_only=True),
        )
        check(serializer, Thing.objects.all())

    def test_a_field_that_makes_nothing_of_null(self):
        Holder.objects.create(loud=LoudName.objects.create(name="a"))
        Holder.objects.create()
        for field in (
            {"loud": model_serializer(LoudName)()},
            {"name": serializers.CharField(source="loud.name", allow_null=True)},
        ):
            check(plain(**field), Holder.objects.all())


class TestNames:
    @pytest.mark.parametrize(
        "name", ['say "hi"', "back\\slash", "two\nlines", "\x00", "", "\u2028", "\x85", "ü"]
    )
    def test_any_name_of_a_field(self, name: str):
        check(plain(**{name: serializers.CharField(source="name")}), Thing.objects.all())

    def test_an_annotation_with_the_name_of_a_path(self):
        serializer = model_serializer(Thing, ["id", "maker"], maker=MakerSerializer())
        rows = Thing.objects.annotate(maker__name=Value("annotated"))
        check(serializer, rows)

    def test_an_alias_with_the_name_of_a_path(self):
        serializer = model_serializer(Thing, ["id", "maker"], maker=MakerSerializer())
        check(serializer, Thing.objects.alias(maker__name=Value("annotated")))

    def test_many_fields(self):
        fields = {f"f{n}": serializers.CharField(source="name") for n in range(400)}
        check(plain(**fields), Thing.objects.all())


class TestMethods:
    def test_a_nested_object_between_methods_that_change_it(self):
        def rename(name: str) -> Any:
            def get(self: Any, thing: Thing) -> str:
                thing.maker.name = name
                return name

            return get

        serializer = model_serializer(
            Thing,
            ["before", "maker", "after"],
            before=serializers.SerializerMethodField(),
            maker=MakerSerializer(),
            after=serializers.SerializerMethodField(),
            get_before=rename("before"),
            get_after=rename("after"),
        )
        check(serializer, Thing.objects.all())

    def test_a_list_between_methods_that_change_it(self):
        def change(thing: Thing) -> Any:
            tags = thing.tags.all()
            for tag in tags:
                tag.label += "!"
            return tags

        serializer = model_serializer(
            Thing,
            ["name", "tags", "after"],
            name=serializers.SerializerMethodField(),
            tags=TagSerializer(many=True),
            after=serializers.SerializerMethodField(),
            get_name=lambda self, thing: thing.name,
            get_after=lambda self, thing: [tag.pk for tag in change(thing)],
        )
        check(serializer, Thing.objects.prefetch_related("tags"))

    def test_a_method_that_activates_a_time_zone(self):
        def activate(self: Any, thing: Thing) -> int:
            timezone.activate(["UTC", "Asia/Tokyo"][thing.pk % 2])
            return 1

        serializer = model_serializer(
            Thing,
            ["zone", "moment"],
            zone=serializers.SerializerMethodField(),
            get_zone=activate,
        )
        try:
            check(serializer, Thing.objects.all())
        finally:
            timezone.deactivate()


class TestPatches:
    @pytest.mark.parametrize("place", ["row", "nested", "list", "key", "keys", "text", "link"])
    def test_a_wrapped_to_representation(self, place: str):
        def boxed(of: Any) -> Any:
            function = of.to_representation

            @wraps(function)
            def box(self: Any, value: Any) -> Any:
                return [function(self, value)]

            return type(f"Boxed{of.__name__}", (of,), {"to_representation": box})

        key = boxed(serializers.PrimaryKeyRelatedField)
        many = boxed(serializers.ListSerializer)(child=TagSerializer())
        serializer = {
            "row": boxed(model_serializer(Thing, ["id"])),
            "nested": plain(maker=boxed(MakerSerializer)()),
            "list": plain(tags=many),
            "key": plain(maker=key(read_only=True)),
            "keys": plain(tags=key(read_only=True, many=True)),
            "text": plain(name=boxed(serializers.CharField)()),
            "link": plain(pk=boxed(serializers.ReadOnlyField)()),
        }[place]
        check(serializer, Thing.objects.all())

    def test_a_list_serializer_patched_in_place(self):
        base = model_serializer(Thing, ["id"])

        class Patched(base):
            @classmethod
            def many_init(cls, *args: Any, **kwargs: Any) -> Any:
                made = super().many_init(*args, **kwargs)
                made.to_representation = lambda rows: [1, 2, 3]
                return made

        check(Patched, Thing.objects.all())

    def test_a_child_patched_in_place(self):
        base = model_serializer(Thing, ["id", "name", "maker"], maker=MakerSerializer())

        class Patched(base):
            def get_fields(self) -> Any:
                fields = super().get_fields()
                fields["maker"].to_representation = lambda maker: maker.name
                fields["name"].to_representation = lambda name: name * 2
                fields["id"].get_attribute = lambda row: 7
                return fields

        check(Patched, Thing.objects.all())

    def test_a_slug_of_an_object_that_is_only_its_key(self):
        class Slug(serializers.SlugRelatedField):
            def use_pk_only_optimization(self) -> bool:
                return True

        actual, expected = both(plain(maker=Slug("name", read_only=True)), Thing.objects.all())
        assert actual == expected

    def test_a_field_of_keys_patched_in_place(self):
        base = model_serializer(Thing, ["maker", "tags"])
        text = serializers.CharField()
        text.to_representation = lambda value: f"<{value}>"

        class Patched(base):
            def get_fields(self) -> Any:
                fields = super().get_fields()
                fields["maker"].pk_field = text
                fields["tags"].child_relation.pk_field = text
                return fields

        check(Patched, Thing.objects.all())


class TestJoins:
    def test_an_unread_annotation_that_makes_rows(self):
        serializer = model_serializer(Thing, ["id"])
        check(serializer, Thing.objects.annotate(tag=F("tags__label")).order_by("id", "tag"))
        check(serializer, Thing.objects.annotate(n=Count("tags")).order_by("id"))
        check(serializer, Thing.objects.annotate(n=Count("tags")).filter(n__gt=1).order_by("id"))

    def test_a_filtered_relation(self):
        rows = Thing.objects.annotate(
            few=FilteredRelation("tags", condition=Q(tags__weight__gt=1)), label=F("few__label")
        ).order_by("id", "few__id")
        check(
            plain(id=serializers.IntegerField(), label=serializers.CharField(allow_null=True)), rows
        )
        rows = Thing.objects.annotate(
            his=FilteredRelation("backup", condition=Q(backup__name="Ann"))
        ).select_related("his")
        his = MakerSerializer()
        actual, expected = both(model_serializer(Thing, ["id", "his", "backup"], his=his), rows)
        assert actual == expected
        check(plain(name=serializers.CharField(source="his.name", allow_null=True)), rows)


class TestNPlusOne:
    def queries(self, serializer: Any, rows: Any) -> None:
        check(serializer, rows)
        # Four rows and then eight, since the first chunk has ten.
        first = [row.pk for row in rows][:4]
        few = selects(streamed, serializer, rows.filter(pk__in=first), 100)
        copies = []
        for row in rows.model._base_manager.filter(pk__in=first):
            row.pk = row.id = None
            row._state.adding = True
            if isinstance(row, Maker):
                row.name += "'"
            row.save()
            copies.append(row)
        both_of_them = rows.filter(pk__in=[*first, *(row.pk for row in copies)])
        assert selects(streamed, serializer, both_of_them, 100) == few
        for row in copies:
            row.delete()

    def test_reverse_one_to_one(self):
        detail = model_serializer(Detail, ["size"])
        self.queries(
            model_serializer(Thing, ["detail"], detail=detail(read_only=True)), Thing.objects.all()
        )
        self.queries(
            plain(size=serializers.IntegerField(source="detail.size", allow_null=True)),
            Thing.objects.all(),
        )

    def test_db_constraint(self):
        Thing.objects.update(loose=F("maker"))
        Thing.objects.filter(number=0).update(loose=10**6)
        self.queries(
            model_serializer(Thing, ["loose"], loose=MakerSerializer()), Thing.objects.all()
        )

    def test_generic_relation(self):
        note = model_serializer(Note, ["text"])
        self.queries(model_serializer(Thing, ["notes"], notes=note(many=True)), Thing.objects.all())

    def test_joining_default_manager(self):
        for maker in Maker.objects.all():
            Nut(name="x", maker=maker).save()
        nut = model_serializer(Nut, ["name"])
        self.queries(model_serializer(Maker, ["nuts"], nuts=nut(many=True)), Maker.objects.all())

    def test_objects_made_in_unusual_ways(self):
        for _ in range(4):
            made = Holder.objects.create(
                received=Received.objects.create(name="r"),
                based=Based.objects.create(name="b"),
                built=Built.objects.create(name="b"),
                from_db_object=FromDb.objects.create(name="b"),
            )
            made.receiveds.add(made.received)
            made.screws.add(Screw.objects.create(name="s"))
        for name in ("received", "based", "built", "from_db_object"):
            model = Holder._meta.get_field(name).related_model
            self.queries(plain(**{name: model_serializer(model)()}), Holder.objects.all())
            self.queries(
                plain(a=serializers.CharField(source=f"{name}.name", allow_null=True)),
                Holder.objects.all(),
            )
        self.queries(plain(receiveds=model_serializer(Received)(many=True)), Holder.objects.all())
        self.queries(plain(screws=model_serializer(Screw)(many=True)), Holder.objects.all())

    def test_known_paths(self):
        S = serializers
        for field in (
            S.StringRelatedField(source="maker.owner"),
            MakerSerializer(source="parent.maker"),
            S.SlugRelatedField("owner__name", source="backup", read_only=True),
            S.CharField(source="parent.backup.name", default="x"),
            S.StringRelatedField(many=True, source="tags"),
            S.SlugRelatedField("label", many=True, source="tags", read_only=True),
            model_serializer(Tag, ["maker"], maker=MakerSerializer())(many=True, source="tags"),
            model_serializer(Tag, ["m"], m=S.SerializerMethodField(), get_m=lambda s, tag: 1)(
                many=True, source="tags"
            ),
            model_serializer(
                Thing, ["shout", "maker"], maker=MakerSerializer(), shout=S.CharField()
            )(source="parent"),
        ):
            rows = Thing.objects.filter(parent__isnull=False)
            if "owner__name" in repr(field):
                rows = Thing.objects.filter(backup__owner__isnull=False)
            self.queries(plain(f=field, m=S.SerializerMethodField(), get_m=lambda s, row: 1), rows)
            self.queries(plain(f=field), rows)
            self.queries(plain(f=field), rows.defer("text"))

    def test_path_many(self):
        self.queries(plain(tags=TagSerializer(source="maker.tags", many=True)), Thing.objects.all())

    def test_many_slug_path(self):
        self.queries(
            plain(children=serializers.SlugRelatedField("maker__name", many=True, read_only=True)),
            Thing.objects.all(),
        )


class TestComposed:
    @pytest.mark.parametrize("model", [Thing, Maker, Tag])
    @settings(max_examples=60, suppress_health_check=[*HealthCheck], deadline=None)
    @given(given=st.data())
    def test_any_serializer(self, model: Any, given: Any):
        serializer = given.draw(composed(model))
        for chunk_size in (2, 100):
            actual, expected = both(serializer, model.objects.order_by("id"), chunk_size)
            assert actual == expected


class TestColumns:
    def test_every_column(self):
        check(model_serializer(Thing, ALL), Thing.objects.all())

    def test_depth(self):
        check(model_serializer(Thing, ALL, depth=1), Thing.objects.all())
        check(model_serializer(Thing, ALL, depth=2), Thing.objects.all())
        check(model_serializer(Tag, depth=1), Tag.objects.all())

    def test_nested(self):
        owner = model_serializer(Maker, ["name", "founded"])
        maker = model_serializer(Maker, ["name", "owner"], owner=owner())
        tag = model_serializer(Tag, ["label", "maker"], maker=maker())
        serializer = model_serializer(
            Thing,
            ["id", "maker", "backup", "named", "tags", "parent"],
            maker=maker(),
            backup=maker(),
            named=maker(),
            tags=tag(many=True),
            parent=model_serializer(
                Thing, ["backup", "tags"], backup=maker(), tags=tag(many=True)
            )(),
        )
        check(serializer, Thing.objects.all(), "columns")

    def test_sources(self):
        options: list[dict[str, Any]] = [
            {"read_only": True},
            {"required": False},
            {"allow_null": True},
            {"allow_null": True, "required": False},
            {"default": "x"},
            {"default": None},
            {"default": lambda: 7},
            {"default": 7, "allow_null": True},
        ]
        sources = [
            "backup.name",
            "backup.owner.name",
            "maker.owner.motto",
            "parent.backup.country",
            "backup.pk",
            "parent.maker.id",
            "parent.backup_id",
            "named.name",
            "backup.owner_id",
        ]
        for option in options:
            fields = {
                f"f{place}": serializers.ReadOnlyField(source=source)
                if option == {"read_only": True}
                else serializers.CharField(source=source, **option)
                for place, source in enumerate(sources)
            }
            check(plain(**fields), Thing.objects.all())
        for source in sources:
            actual, expected = both(
                plain(f=serializers.CharField(source=source)), Thing.objects.all()
            )
            assert actual == expected

    def test_whole_row(self):
        inner = model_serializer(
            Thing, ["name", "maker", "tags", "double"], maker=MakerSerializer()
        )
        check(
            plain(a=inner(source="*"), n=serializers.IntegerField(source="annotated")),
            Thing.objects.annotate(annotated=F("number") + 1),
        )
        inner = plain(n=serializers.IntegerField(source="annotated"))
        check(plain(a=inner(source="*")), Thing.objects.annotate(annotated=F("number") + 1))

    def test_relations(self):
        S = serializers
        for field in (
            S.PrimaryKeyRelatedField(read_only=True),
            S.PrimaryKeyRelatedField(read_only=True, pk_field=S.CharField()),
            S.SlugRelatedField("name", read_only=True),
            S.SlugRelatedField("owner__name", read_only=True),
            S.SlugRelatedField("owner_id", read_only=True),
            S.SlugRelatedField("pk", read_only=True),
            S.StringRelatedField(),
        ):
            for name in ("maker", "backup", "named", "parent"):
                actual, expected = both(plain(**{name: field}), Thing.objects.all())
                assert actual == expected
        for source in ("maker.owner", "backup.owner", "parent.maker", "maker_id", "parent.tags"):
            for field in (
                S.PrimaryKeyRelatedField(source=source, read_only=True),
                S.PrimaryKeyRelatedField(source=source, read_only=True, allow_null=True),
                S.SlugRelatedField("name", source=source, read_only=True),
                S.StringRelatedField(source=source),
            ):
                actual, expected = both(plain(f=field), Thing.objects.all())
                assert actual == expected
        for name in ("tags", "hidden_tags", "children", "notes", "labelled"):
            for field in (
                S.PrimaryKeyRelatedField(read_only=True, many=True),
                S.PrimaryKeyRelatedField(read_only=True, many=True, pk_field=S.CharField()),
                S.SlugRelatedField("pk", read_only=True, many=True),
                S.SlugRelatedField("maker__name", read_only=True, many=True),
                S.StringRelatedField(many=True),
                S.ListField(child=S.CharField(), source=name + ".all"),
                S.ReadOnlyField(source=name + ".count"),
            ):
                actual, expected = both(
                    plain(**{name if "." not in str(field.source) else "f": field}),
                    Thing.objects.order_by("id"),
                )
                assert actual == expected

    def test_querysets(self):
        full = model_serializer(
            Thing,
            ["id", "name", "maker", "backup", "tags"],
            maker=MakerSerializer(),
            backup=MakerSerializer(),
            tags=TagSerializer(many=True),
        )
        few = model_serializer(Thing, ["name", "number"])
        things = Thing.objects
        maker = Maker.objects.all()[0]
        for rows in (
            things.none(),
            things.all()[:1],
            things.all()[2:5],
            things.order_by("-name"),
            things.order_by("tags__label", "id"),
            things.order_by("maker__name", "-id"),
            things.reverse(),
            things.filter(tags__weight__gt=0).order_by("id"),
            things.filter(tags__weight__gt=0).distinct().order_by("id"),
            things.filter(tags__weight__gt=0).order_by("tags__label", "id").distinct(),
            things.filter(Q(tags__label="a") | Q(maker__name="Ann")).distinct(),
            things.exclude(tags__label="a"),
            things.defer("name"),
            things.only("name"),
            things.select_related("maker").only("name", "maker__name"),
            things.select_related("backup"),
            things.prefetch_related("maker", "tags", "backup__owner"),
            things.select_related("maker").prefetch_related("tags__maker"),
            things.annotate(n=Count("tags")).order_by("n", "id"),
            things.annotate(n=Count("tags")).filter(n__gt=1).order_by("id"),
            things.annotate(n=Sum("tags__weight"), m=Avg("number")).order_by("-id"),
            things.values("id", "name", "number", "maker", "backup", "tags").order_by("id", "tags"),
            things.extra(select={"more": "1"}),
            things.extra(where=["number > 0"]),
            things.filter(number__gt=0).union(things.filter(number=0)).order_by("id"),
            things.select_for_update(),
            things.alias(n=Count("tags")).filter(n=2).order_by("id"),
            things.prefetch_related(Prefetch("tags", Tag.objects.order_by("label"))),
            things.prefetch_related(Prefetch("tags", Tag.objects.filter(weight=1))),
            things.prefetch_related(Prefetch("tags", Tag.objects.filter(maker__name="Ann"))),
            things.prefetch_related(Prefetch("tags", Tag.objects.order_by("weight"), to_attr="t")),
            things.prefetch_related(Prefetch("maker", Maker.objects.filter(name="Ann"))),
            things.prefetch_related(Prefetch("backup", Maker.objects.defer("name"))),
            things.prefetch_related("maker__things__tags"),
            things.using("default"),
            maker.things.all(),
            maker.things.filter(number__gt=-9),
            maker.backups.all(),
            ThingProxy.objects.all(),
            Gadget.objects.all(),
            Thing.objects.raw("SELECT * FROM columnsapp_thing ORDER BY id"),
        ):
            for serializer in (full, few):
                given = (lambda rows=rows: rows) if not hasattr(rows, "all") else rows
                actual, expected = both(serializer, given)
                assert actual == expected, (str(getattr(rows, "query", rows)), serializer)

    def test_annotations(self):
        serializer = model_serializer(Thing, ["name", "n", "maker"], n=serializers.IntegerField())
        check(serializer, Thing.objects.annotate(n=Count("tags")).order_by("id"), "columns")
        check(serializer, Thing.objects.annotate(n=Count("tags")).distinct().order_by("id"))
        check(
            serializer,
            Thing.objects.annotate(n=F("maker__owner")).order_by("n", "id"),
        )

    def test_to_attr(self):
        serializer = plain(found=TagSerializer(many=True), tags=TagSerializer(many=True))
        few = Prefetch("tags", Tag.objects.filter(weight=1), to_attr="found")
        check(serializer, Thing.objects.prefetch_related(few))
        check(serializer, Thing.objects.prefetch_related(few, "tags"))

    def test_inheritance(self):
        check(model_serializer(Gadget, depth=1), Gadget.objects.all())
        check(
            model_serializer(
                Gadget,
                ["thing_ptr", "power", "name", "tags", "children"],
                thing_ptr=model_serializer(Thing, ["name", "maker"])(),
            ),
            Gadget.objects.all(),
        )
        check(
            plain(gadget=model_serializer(Gadget, ["power"])(allow_null=True)),
            Thing.objects.filter(name__startswith="gadget"),
        )

    def test_manager_rows(self):
        maker = Maker.objects.annotate(n=Value(5)).all()[0]
        maker.name = "changed"
        serializer = model_serializer(Thing, ["id", "maker", "name"], maker=MakerSerializer())
        check(serializer, lambda: maker.things.all())
        check(plain(n=serializers.CharField(source="maker.name")), lambda: maker.things.all())

    def test_reverse_object_is_the_parent(self):
        thing = model_serializer(
            Thing,
            ["id", "maker"],
            maker=plain(n=serializers.IntegerField(), name=serializers.CharField())(),
        )
        serializer = model_serializer(
            Maker, ["id", "n", "things"], n=serializers.IntegerField(), things=thing(many=True)
        )
        actual, expected = both(serializer, Maker.objects.annotate(n=Value(5)))
        assert actual == expected

        def rename(self: Any, maker: Maker) -> int:
            maker.name = "renamed"
            return 0

        thing = model_serializer(Thing, ["id", "maker"], maker=MakerSerializer())
        serializer = model_serializer(
            Maker,
            ["r", "things"],
            r=serializers.SerializerMethodField(),
            get_r=rename,
            things=thing(many=True),
        )
        actual, expected = both(serializer, Maker.objects.prefetch_related("things"))
        assert actual == expected


ALL = [field.name for field in Thing._meta.get_fields() if field.concrete]
