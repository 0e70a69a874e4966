from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy
from django.test.utils import CaptureQueriesContext

from drf_streaming.fetching import FIRST, ColumnsIterable, _fetched
from flights.models import Plane
from trips import sent, traced

needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)
pytestmark = pytest.mark.django_db
ROWS = 2 * FIRST + 50
PLANES = Plane.objects.order_by("tail_number").values_list("tail_number")


def by_columns(queryset: QuerySet[Any]) -> QuerySet[Any]:
    fetched = queryset.all()
    fetched._iterable_class = ColumnsIterable  # type: ignore[attr-defined]
    return fetched


class Counting:
    """A cursor that remembers how many rows it was asked for each time."""

    def __init__(self, cursor: Any) -> None:
        self.fetchmany = lambda size: self.asked.append(size) or cursor.fetchmany(size)
        self.asked: list[int] = []


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        (0, [FIRST]),
        (FIRST - 1, [FIRST]),
        (FIRST, [FIRST, 150]),
        (FIRST + 1, [FIRST, 150]),
        (FIRST + 150, [FIRST, 150, 150]),
    ],
)
def test_few_rows_come_first_and_none_is_asked_for_after_the_last(rows: int, asked: list[int]):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tail_number FROM flights_plane ORDER BY tail_number LIMIT {rows}")
        counting = Counting(cursor)
        fetched = [row for chunk in _fetched(counting, None, 150) for row in chunk]
    assert fetched == [*PLANES[:rows]]
    assert counting.asked == asked


@pytest.mark.parametrize("chunk_size", [1, 7, FIRST, FIRST + 1, ROWS, 5000])
@pytest.mark.parametrize("rows", [0, 1, FIRST, ROWS])
def test_rows_are_those_that_django_reads(rows: int, chunk_size: int):
    queryset = Plane.objects.order_by("tail_number").values_list("year", "tail_number")[:rows]
    assert [*by_columns(queryset).iterator(chunk_size)] == [*queryset]


def test_a_query_that_nothing_can_match_is_not_asked(django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert [
            *by_columns(Plane.objects.filter(pk__in=[]).values_list("tail_number")).iterator()
        ] == []


def test_what_only_the_order_needs_is_no_part_of_a_row():
    queryset = Plane.objects.extra(select={"backwards": "-year"}, order_by=["backwards"])
    rows = queryset.values_list("tail_number")
    assert [*by_columns(rows).iterator()] == [*rows]
    assert {len(row) for row in by_columns(rows).iterator()} == {1}


def test_a_database_that_reads_one_query_at_a_time_is_read_to_the_end_first(monkeypatch: Any):
    monkeypatch.setattr(connection.features, "can_use_chunked_reads", False)
    rows = by_columns(PLANES[:ROWS]).iterator(10)
    assert next(rows) == PLANES[0]
    assert [*rows] == [*PLANES[1:ROWS]]


def test_a_database_without_cursors_of_its_own_is_read_as_well(monkeypatch: Any):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert [*by_columns(PLANES).iterator()] == [*PLANES]


@pytest.mark.parametrize("options", [{}, {"server_side_binding": True}])
@pytest.mark.parametrize("rows", [20, FIRST, ROWS])
def test_rows_are_one_query(rows: int, options: dict[str, Any], monkeypatch: Any):
    monkeypatch.setitem(
        connection.settings_dict, "OPTIONS", {**connection.settings_dict["OPTIONS"], **options}
    )
    queryset = PLANES.exclude(tail_number__contains="%")[:rows]
    expected = [*queryset]
    with CaptureQueriesContext(connection) as queries:
        assert [*by_columns(queryset).iterator()] == expected
    assert len(queries) == 1


@needs_postgresql
@pytest.mark.parametrize(("rows", "fetches"), [(0, 0), (FIRST - 1, 0), (FIRST, 1), (ROWS, 1)])
def test_the_first_rows_come_with_the_cursor(rows: int, fetches: int, tmp_path: Path):
    queryset = by_columns(PLANES.filter(pk__in=[*PLANES.values_list("pk", flat=True)[:rows], "-"]))
    Plane.objects.exists()
    with traced(tmp_path / "trace"):
        assert len([*queryset.iterator(1000)]) == rows
    assert sent(tmp_path / "trace") == ["DECLARE", *["FETCH"] * fetches, "CLOSE"]


class Hinted(OrderBy):
    """An order whose SQL ends with a comment."""

    template = "%(expression)s %(ordering)s -- a hint; nothing else"


@needs_postgresql
def test_a_query_may_end_with_a_comment():
    queryset = Plane.objects.order_by(Hinted(F("tail_number"))).values_list("tail_number")
    assert [*by_columns(queryset).iterator()] == [*PLANES]


@needs_postgresql
def test_the_cursor_is_closed_when_the_rows_are_left():
    def opened() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
            return cursor.fetchone()[0]

    rows = by_columns(PLANES).iterator()
    assert next(rows)
    assert opened() == 1
    rows.close()
    assert opened() == 0
