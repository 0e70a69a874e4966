"""A list that is cut anywhere goes on where it was cut."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F, FilteredRelation, OuterRef, Subquery, Window
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower, Now, Random, RowNumber, TruncDay
from django.db.models.lookups import LessThan
from rest_framework import serializers

from columnsapp.lists import (
    ORDERINGS,
    ROWS,
    ByDRF,
    Hidden,
    Shown,
    WithMethod,
    get,
    make,
    things,
)
from columnsapp.models import Gadget, Maker, OfSorted, Pair, Sorted, Tag, Thing
from columnsapp.serializers import model_serializer, plain
from whatwg import parse

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    make()


def check_cuts(serializer: Any, rows: Any) -> list[str]:
    """Continue after each row, and return the ids."""
    whole = get(serializer, rows)
    assert whole.status == 200
    expected = whole.rows
    ids = [place for place, _ in expected]
    assert len({*ids}) == len(expected) == rows.count()
    for cut, place in enumerate(ids):
        assert get(serializer, rows, header=place).rows == expected[cut + 1 :]
    return ids


@on("order_by", ORDERINGS, ids=repr)
def test_each_row_comes_once_wherever_a_list_is_cut(order_by: list[Any]):
    check_cuts(Shown, things(*order_by))
    check_cuts(Hidden, things(*order_by).reverse())


@on("serializer", [ByDRF, WithMethod], ids=["by DRF", "method"])
@on("order_by", ORDERINGS[::4], ids=repr)
def test_each_object_comes_once_wherever_a_list_is_cut(serializer: Any, order_by: list[Any]):
    check_cuts(serializer, things(*order_by))


@on("order_by", [each for each in ORDERINGS if each and each[0] != "aliased"], ids=repr)
def test_rows_are_in_the_order_of_the_queryset(order_by: list[Any]):
    rows = things(*order_by)
    found = [json.loads(row)["id"] for _, row in get(Hidden, rows).rows]
    # Rows that the order does not tell apart may be in any.
    names = [named(each) for each in order_by]
    keys = [{name: row[name] for name in names} for row in rows.values(*names)]
    by_id = {row["id"]: {name: row[name] for name in names} for row in rows.values(*names, "id")}
    assert [by_id[pk] for pk in found] == keys


def named(term: Any) -> str:
    return term.lstrip("-") if isinstance(term, str) else getattr(term, "expression", term).name


@on(
    ("rows", "serializer"),
    [
        (Thing.objects.filter(tags__weight__gt=0).distinct().order_by("name"), Shown),
        (Thing.objects.only("id").order_by("number"), Hidden),
        (Thing.objects.defer("name").order_by("name"), Hidden),
        (Thing.objects.select_related("maker").prefetch_related("tags").order_by("flag"), Shown),
        (Gadget.objects.order_by("power", "name"), model_serializer(Gadget, ["power", "name"])),
        (Gadget.objects.order_by("pk"), model_serializer(Gadget, ["power"])),
        (Tag.objects.all(), model_serializer(Tag, ["label"])),
        (Thing.objects.filter(maker__name__gt="", detail__size__gt=0), Shown),
        (Thing.objects.filter(tags__weight__gt=0).annotate(n=Count("tags")).order_by("n"), Hidden),
        (Maker.objects.order_by("owner"), model_serializer(Maker, ["name"])),
        (Pair.objects.order_by("name"), model_serializer(Pair, ["name"])),
        (Pair.objects.order_by("-right"), model_serializer(Pair, ["left", "right"])),
        (Pair.objects.all(), model_serializer(Pair, ["name"])),
    ],
    ids=lambda value: None,
)
def test_any_queryset_of_objects_goes_on(rows: Any, serializer: Any):
    for left, right, name in [(1, 2, "b"), (1, 3, "a"), (2, 2, "b"), (0, 9, "b")]:
        Pair.objects.create(left=left, right=right, name=name)
    for power in (1, 1, 3):
        Gadget.objects.create(name="gadget", maker=Maker.objects.all()[0], power=power)
    check_cuts(serializer, rows)


def values_in(token: str) -> Any:
    payload = token.partition(":")[0]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@on("field", ["status", "shown", "label", "nested"])
def test_a_token_tells_what_the_items_show_and_no_more(field: str):
    maker = model_serializer(Maker, ["country"])
    fields: dict[str, Any] = {
        "status": serializers.CharField(source="status"),
        "shown": serializers.CharField(source="maker.country", allow_null=True),
        "label": serializers.CharField(source="get_status_display"),
        "nested": maker(source="maker"),
    }
    serializer = plain(f=fields[field])
    order = "status" if field in ("status", "label") else "maker__country"
    ids = check_cuts(serializer, Thing.objects.order_by(order))
    shown = {len(values_in(token)) for token in ids}
    assert shown == ({1} if field == "label" else {2})
    secret = check_cuts(serializer, Thing.objects.order_by("number"))
    assert {len(values_in(token)) for token in secret} == {1}


class TestRowsThatChange:
    def test_a_row_that_is_gone_is_no_end_where_the_token_knows_its_place(self):
        rows = Thing.objects.order_by("number")
        expected = get(Shown, rows).rows
        delete(Thing.objects.all(), json.loads(expected[3][1])["id"])
        assert get(Shown, rows, last_event_id=expected[3][0]).rows == expected[4:]

    def test_a_row_that_is_gone_is_410_where_only_the_row_knows_its_place(self):
        rows = Thing.objects.order_by("number")
        place, row = get(Hidden, rows).rows[3]
        delete(Thing.objects.all(), json.loads(row)["id"])
        answer = get(Hidden, rows, header=place)
        assert answer.status == 410
        assert "no longer in it" in answer.body.decode()

    def test_rows_that_were_there_throughout_are_never_lost_or_doubled(self):
        rows = Thing.objects.order_by("number", "-name")
        expected = get(Shown, rows).rows
        for cut in range(len(expected) - 1):
            place, row = expected[cut]
            staying = {json.loads(each)["id"] for _, each in expected[cut + 1 :]}
            if cut % 3 == 0:
                delete(Thing.objects.all(), json.loads(row)["id"])
            copy = Thing.objects.order_by("?")[0]
            copy.pk, copy._state.adding = None, True
            copy.save()
            found = [json.loads(each)["id"] for _, each in get(Shown, rows, header=place).rows]
            assert len({*found}) == len(found)
            assert staying <= {*found}


def delete(rows: Any, pk: int) -> None:
    rows.filter(parent=pk).update(parent=None)
    rows.get(pk=pk).delete()


@on(
    ("rows", "reason"),
    [
        (lambda: Thing.objects.order_by("?"), "its order is random"),
        (lambda: Thing.objects.order_by(Random()), "by an expression"),
        (lambda: Thing.objects.order_by(Lower("name")), "by an expression"),
        (lambda: Thing.objects.order_by(F("number") + F("id")), "by an expression"),
        (lambda: Thing.objects.all()[:3], "it is sliced"),
        (lambda: Thing.objects.all()[2:], "it is sliced"),
        (lambda: Thing.objects.values("id"), "its rows are no objects"),
        (lambda: Thing.objects.raw("SELECT * FROM columnsapp_thing"), "its rows are no queryset"),
        (lambda: [*Thing.objects.all()], "its rows are no queryset"),
        (lambda: iter(Thing.objects.all()), "its rows are no queryset"),
        (
            lambda: Thing.objects.order_by().union(Thing.objects.order_by()).order_by("id"),
            "its rows are those of several querysets together",
        ),
        (lambda: Thing.objects.order_by("tags__label"), "tags, which is no column of Thing"),
        (lambda: Thing.objects.order_by("detail__size"), "detail, which is no column of Thing"),
        (lambda: Thing.objects.order_by("day__year"), "day__year, which is no column of one"),
        (lambda: Thing.objects.order_by("tags"), "tags, which is no column of Thing"),
        (lambda: Thing.objects.order_by("data"), "JSONField may not compare as it is"),
        (lambda: Thing.objects.order_by("maker__motto"), "EmptyText may not compare as it is"),
        (lambda: Thing.objects.annotate(n=Window(Count("id"))), "n depends on other rows"),
        (
            lambda: Thing.objects.annotate(n=Window(Count("id")) * 2).order_by("n"),
            "n depends on other rows",
        ),
        (
            lambda: Thing.objects.alias(n=Window(RowNumber(), order_by="id")).filter(n__lte=9),
            "n depends on other rows",
        ),
        (
            lambda: Thing.objects.filter(LessThan(Window(RowNumber(), order_by="id"), 9)),
            "a filter depends on other rows",
        ),
        (
            lambda: Thing.objects.annotate(n=RawSQL("count(*) over ()", ())),
            "n depends on other rows",
        ),
        (
            lambda: Thing.objects.extra(select={"n": "count(*) OVER ()"}),
            "n depends on other rows",
        ),
        (
            lambda: Thing.objects.annotate(n=Random()).order_by("n"),
            "n, which is computed and may not compare as it is",
        ),
        (
            lambda: Thing.objects.annotate(n=Now() - F("moment")).order_by("-n"),
            "n, which is computed and may not compare as it is",
        ),
        (
            lambda: Thing.objects.annotate(n=TruncDay("moment")).order_by("n"),
            "n, which is computed and may not compare as it is",
        ),
        (
            lambda: Thing.objects.annotate(n=F("real") / 3).order_by("n"),
            "n, which is computed and may not compare as it is",
        ),
        (lambda: Thing.objects.extra(order_by=["name"]), "it is ordered by, or joins tables by"),
        (lambda: Thing.objects.filter(tags__weight__gt=0), "many without distinct()"),
        (lambda: Thing.objects.filter(notes__text__gt=""), "many without distinct()"),
        (lambda: Thing.objects.filter(tags__maker__name__gt=""), "many without distinct()"),
        (lambda: Thing.objects.annotate(tag=F("tags__label")).distinct(), "tag is of a relation"),
        (
            lambda: Thing.objects.annotate(tag=F("tags__maker__name"), n=Count("tags")),
            "tag is of a relation to many",
        ),
        (
            lambda: Thing.objects.extra(select={"more": "1"}).order_by("more"),
            "more, which is of extra()",
        ),
        (
            lambda: Thing.objects.extra(select={"pk": "maker_id"}).order_by("pk"),
            "pk, which is of extra()",
        ),
        (
            lambda: Thing.objects.annotate(by=FilteredRelation("maker")).order_by("by__name"),
            "by, which is no field of Thing",
        ),
        (lambda: Sorted.objects.all(), "by an expression"),
        (lambda: OfSorted.objects.order_by("sorted"), "sorted, whose objects are by an expression"),
    ],
)
def test_a_list_without_places_says_why_it_cannot_go_on(rows: Any, reason: str):
    Sorted.objects.create(name="a").ofsorted_set.create()
    whole = get(Hidden, rows)
    assert whole.status == 200
    assert {place for place, _ in whole.rows} == {""}
    answer = get(Hidden, rows, header="any")
    assert answer.status == 400
    assert reason in json.loads(answer.events[0].data)["Last-Event-ID"][0]


def test_what_a_subquery_computes_over_its_own_rows_has_its_place():
    of_its_maker = Thing.objects.filter(maker=OuterRef("maker")).values("maker")
    counted = of_its_maker.annotate(n=Window(Count("id"))).values("n")[:1]
    rows = Thing.objects.annotate(number_of=Subquery(counted)).order_by("-id")
    serializer = plain(id=serializers.IntegerField(), number_of=serializers.IntegerField())
    assert "" not in check_cuts(serializer, rows)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has DISTINCT ON")
def test_a_list_that_is_distinct_by_some_fields_cannot_go_on():
    rows = Thing.objects.order_by("name").distinct("name")
    assert {place for place, _ in get(Hidden, rows).rows} == {""}
    assert b"it is distinct() by some fields" in get(Hidden, rows, header="any").body


def test_async_rows_cannot_go_on():
    async def rows() -> AsyncIterator[int]:
        yield 1

    answer = get(Hidden, rows, after="any")
    assert answer.status == 400
    assert b"its rows are no queryset" in answer.body


def test_a_list_that_is_represented_as_a_whole_cannot_go_on():
    class Whole(serializers.ListSerializer):
        def to_representation(self, data: Any) -> Any:
            return super().to_representation(data)[:1]

    class OfWhole(Hidden):  # type: ignore[misc, valid-type]
        class Meta(Hidden.Meta):
            list_serializer_class = Whole

    assert [place for place, _ in get(OfWhole, Thing.objects.all()).rows] == [""]
    answer = get(OfWhole, Thing.objects.all(), after="any")
    assert answer.status == 400
    assert b"represents the list as a whole" in answer.body


class TestRequests:
    rows = Thing.objects.order_by("number")

    def place(self, cut: int = 3, **query: Any) -> str:
        return get(Shown, self.rows, **query).rows[cut][0]

    @on("stream", ["ndjson", "json", "json-seq", "csv", "sse"])
    def test_every_format_goes_on_after_a_place(self, stream: str):
        whole, part = (
            get(Shown, self.rows, stream, **query).body for query in ({}, {"after": self.place()})
        )
        assert part.count(b"maybe") or stream == "csv"
        ids = [row["id"] for row in self.rows.values("id")]
        assert len(ids) == ROWS
        read = {"csv": lambda body: body.count(b"\r\n") - 1}.get(
            stream, lambda body: body.count(b'"maybe"')
        )
        assert (read(whole), read(part)) == (ROWS, ROWS - 4)

    def test_the_header_is_newer_than_the_url(self):
        query = {"after": self.place(9), "last_event_id": self.place(6)}
        expected = get(Shown, self.rows).rows
        assert get(Shown, self.rows, header=self.place(), **query).rows == expected[4:]
        assert get(Shown, self.rows, **query).rows == expected[7:]

    def test_only_events_know_the_last_event_id(self):
        query = {"last_event_id": "any"}
        assert len(get(Shown, self.rows, "ndjson", **query).lines) == ROWS
        assert get(Shown, self.rows, "sse", **query).status == 400

    @on("source", ["after", "last_event_id"])
    def test_a_forged_token_is_refused(self, source: str):
        place = self.place()
        answer = get(Shown, self.rows, **{source: place[:-1] + chr(ord(place[-1]) ^ 1)})
        assert answer.status == 400
        assert "This is no place in this list" in json.loads(answer.events[0].data)[source][0]

    def test_a_token_of_other_filters_or_another_order_is_refused(self):
        place = self.place(status="new")
        assert get(Shown, self.rows, header=place).status == 400
        assert get(Shown, self.rows, header=place, status="old").status == 400
        assert get(Shown, self.rows, header=place, status="new", marks="5").status == 200
        other = Thing.objects.order_by("-number")
        assert get(Shown, other, header=place, status="new").status == 400

    def test_a_token_is_of_one_format_as_of_another(self):
        end = get(Shown, self.rows[:5].model.objects.order_by("number"), "ndjson", marks="1")
        assert end.lines[-1]["rows"] == ROWS
        assert get(Shown, self.rows, "sse", after=end.lines[-1]["resume"]).rows == []

    def test_a_finished_list_stays_finished(self):
        assert get(Shown, self.rows, header="~end") == (204, b"")
        assert get(Shown, self.rows, header="~end", after=self.place()) == (204, b"")

    @on("stream", ["ndjson", "sse"])
    def test_a_failure_tells_where_to_go_on(self, stream: str):
        failing = plain(
            id=serializers.IntegerField(),
            number=serializers.IntegerField(),
            f=serializers.SerializerMethodField(),
            get_f=lambda self, row: 1 // (row.number - 3),
        )
        body = get(failing, self.rows, stream).body
        problem = json.loads(
            parse(body).messages[-1].data if stream == "sse" else body.splitlines()[-1]
        )
        assert problem["status"] == 500
        rest = get(Shown, self.rows, "ndjson", after=problem["resume"]).lines
        assert problem["rows"] + len(rest) == ROWS
        assert len(rest) > 0


class TestMarks:
    rows = Thing.objects.order_by("id")

    @on("stream", ["ndjson", "json-seq"])
    def test_a_mark_at_the_end(self, stream: str):
        body = get(Shown, self.rows, stream, marks="1").body
        *records, mark = [json.loads(line.strip(b"\x1e")) for line in body.splitlines()]
        assert len(records) == ROWS
        assert mark == {"$stream": "end", "rows": ROWS, "resume": mark["resume"]}
        assert get(Shown, self.rows, stream, after=mark["resume"]).body == b""

    def test_a_mark_every_so_many_rows(self):
        lines = get(Shown, self.rows, "ndjson", marks="3").lines
        kinds = [line.get("$stream", ".")[0] for line in lines]
        assert "".join(kinds) == "...m...m...m...m...m...me"
        marks = [line for line in lines if "$stream" in line]
        assert [mark["rows"] for mark in marks] == [3, 6, 9, 12, 15, ROWS, ROWS]
        rest = get(Shown, self.rows, "ndjson", after=marks[1]["resume"]).lines
        assert rest == [line for line in lines[8:] if "$stream" not in line]

    def test_without_a_place_a_mark_only_counts(self):
        rows = Thing.objects.order_by("?")
        assert get(Shown, rows, "ndjson", marks="1").lines[-1] == {"$stream": "end", "rows": ROWS}

    def test_an_empty_list_goes_on_where_it_began(self):
        rows = self.rows.filter(id__lt=0)
        assert get(Shown, rows, "ndjson", marks="1").lines == [{"$stream": "end", "rows": 0}]
        place = get(Shown, self.rows, "ndjson", marks="1").lines[-1]["resume"]
        end = {"$stream": "end", "rows": 0, "resume": place}
        assert get(Shown, self.rows, "ndjson", marks="1", after=place).lines == [end]

    @on("stream", ["json", "csv", "sse"])
    def test_formats_without_marks_have_none(self, stream: str):
        wanted = get(Shown, self.rows, stream, marks="2").body
        assert wanted == get(Shown, self.rows, stream).body

    @on("marks", ["-1", "x", "1.5", "", "٣", "9" * 30])
    def test_what_is_no_number_is_refused(self, marks: str):
        answer = get(Shown, self.rows, "ndjson", marks=marks)
        assert answer.status == 400
        assert "Expected a whole number of rows" in answer.lines[0]["marks"][0]
