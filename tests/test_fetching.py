from typing import Any

import pytest
from django.db import connections
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from drf_streaming.cursors import FIRST
from drf_streaming.fetching import few_first
from fetched import EACH_WAY, PLANES, ROWS, by_columns, first
from flights.models import Flight, Plane

connection = connections["default"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("chunk_size", [1, 7, FIRST, FIRST + 1, ROWS, 5000])
@pytest.mark.parametrize("rows", [0, 1, FIRST, ROWS])
@EACH_WAY
def test_rows_are_those_that_django_reads(queryset: QuerySet[Any], rows: int, chunk_size: int):
    found = first(rows, queryset)
    assert [*found.iterator(chunk_size)] == [*found]


@EACH_WAY
def test_a_query_that_nothing_can_match_is_not_asked(
    queryset: QuerySet[Any], django_assert_num_queries: Any
):
    with django_assert_num_queries(0):
        assert [*queryset.filter(pk__in=[]).iterator()] == []


def test_what_only_the_order_needs_is_no_part_of_a_row():
    queryset = Plane.objects.extra(select={"backwards": "-year"}, order_by=["backwards"])
    rows = queryset.values_list("tail_number")
    assert [*by_columns(rows).iterator()] == [*rows]
    assert {len(row) for row in by_columns(rows).iterator()} == {1}


@EACH_WAY
def test_a_database_that_reads_one_query_at_a_time_is_read_to_the_end_first(
    queryset: QuerySet[Any], monkeypatch: Any
):
    monkeypatch.setattr(connection.features, "can_use_chunked_reads", False)
    one, *others = queryset.all()
    rows = queryset.iterator(10)
    assert next(rows) == one
    assert [*rows] == others


@pytest.mark.parametrize("options", [{}, {"server_side_binding": True}])
@pytest.mark.parametrize("rows", [20, FIRST, ROWS])
@EACH_WAY
def test_rows_are_one_query(
    queryset: QuerySet[Any], rows: int, options: dict[str, Any], monkeypatch: Any
):
    monkeypatch.setitem(
        connection.settings_dict, "OPTIONS", {**connection.settings_dict["OPTIONS"], **options}
    )
    found = queryset.exclude(tail_number__contains="%")[:rows]
    expected = [*found.all()]
    with CaptureQueriesContext(connection) as queries:
        assert [*found.iterator()] == expected
    assert len(queries) == 1


@EACH_WAY
def test_several_at_once_do_not_meet(queryset: QuerySet[Any]):
    several = [queryset.iterator(50) for _ in range(3)]
    assert [*zip(*several, strict=True)] == [(row,) * 3 for row in queryset.all()]


@pytest.mark.parametrize(
    "queryset", [PLANES.values("year"), PLANES.values_list("year", flat=True), PLANES.none()]
)
def test_what_are_no_objects_is_read_as_django_reads_it(queryset: QuerySet[Any]):
    assert [*few_first(queryset).iterator()] == [*queryset.all()]


def test_a_queryset_that_was_given_stays_as_it_was():
    kind = PLANES._iterable_class  # type: ignore[attr-defined]  # private
    assert few_first(PLANES)._iterable_class is not kind  # type: ignore[attr-defined]  # private
    assert PLANES._iterable_class is kind  # type: ignore[attr-defined]  # private


def test_objects_have_all_that_django_gives_them():
    flights = (
        Flight.objects.select_related("carrier", "destination")
        .annotate(late=F("departure_delay") + F("arrival_delay"))
        .only("number", "carrier__name", "destination")
        .order_by("pk")[:ROWS]
    )
    as_given = [vars(flight) for flight in flights]
    found = [vars(flight) for flight in few_first(flights).iterator(100)]
    assert [_plain(each) for each in found] == [_plain(each) for each in as_given]
    assert len(found) == ROWS


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what an object holds, its state as what it holds in turn."""
    return {**fields, "_state": {**vars(fields["_state"])}}
