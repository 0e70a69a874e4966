from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy
from django.test.utils import CaptureQueriesContext

from drf_streaming.cursors import FIRST
from drf_streaming.fetching import ColumnsIterable, few_first
from flights.models import Plane
from trips import sent, traced

connection = connections["default"]
needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)
pytestmark = pytest.mark.django_db
ROWS = 2 * FIRST + 50
PLANES = Plane.objects.order_by("tail_number")
ROWS_OF_PLANES = PLANES.values_list("tail_number", "year")


def by_columns(queryset: QuerySet[Any]) -> QuerySet[Any]:
    fetched = queryset.all()
    fetched._iterable_class = ColumnsIterable  # type: ignore[attr-defined]
    return fetched


OBJECTS, COLUMNS = few_first(PLANES), by_columns(ROWS_OF_PLANES)
EACH_WAY = pytest.mark.parametrize("queryset", [OBJECTS, COLUMNS], ids=["objects", "columns"])


def first(rows: int, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return so many of these; the database does not know before that there are no more."""
    keys = Plane.objects.order_by("tail_number").values_list("pk", flat=True)[:rows]
    return queryset.filter(pk__in=[*keys, "none"])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Remember how many rows Django's cursor was asked for each time."""
    sizes: list[int] = []
    give = connection.chunked_cursor

    def chunked_cursor() -> Any:
        cursor = give()
        fetch = cursor.fetchmany
        cursor.__dict__["fetchmany"] = lambda size: sizes.append(size) or fetch(size)
        return cursor

    monkeypatch.setitem(vars(connection), "chunked_cursor", chunked_cursor)
    options = {**connection.settings_dict["OPTIONS"], "server_side_binding": True}
    if connection.vendor == "postgresql":
        monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    return sizes


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (0, [FIRST]),
        (FIRST - 1, [FIRST]),
        (FIRST, [FIRST, 150]),
        (FIRST + 1, [FIRST, 150]),
        (FIRST + 150, [FIRST, 150, 150]),
    ],
)
@EACH_WAY
def test_few_rows_come_first_and_none_is_asked_for_after_the_last(
    asked: list[int], queryset: QuerySet[Any], rows: int, sizes: list[int]
):
    found = first(rows, queryset)
    assert [*found.iterator(150)] == [*found]
    assert asked == sizes


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


@EACH_WAY
def test_a_database_without_cursors_of_its_own_is_read_as_well(
    queryset: QuerySet[Any], monkeypatch: Any
):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert [*queryset.iterator()] == [*queryset.all()]


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


@needs_postgresql
@pytest.mark.parametrize(("rows", "fetches"), [(0, 0), (FIRST - 1, 0), (FIRST, 1), (ROWS, 1)])
@EACH_WAY
def test_the_first_rows_come_with_the_cursor(
    queryset: QuerySet[Any], rows: int, fetches: int, tmp_path: Path
):
    found = first(rows, queryset)
    Plane.objects.exists()
    with traced(tmp_path / "trace"):
        assert len([*found.iterator(1000)]) == rows
    assert sent(tmp_path / "trace") == ["SELECT", *["FETCH"] * fetches, "CLOSE"]


@needs_postgresql
@pytest.mark.parametrize(("given_by_project", "planned"), [(None, "0.5"), ("1", "1")])
def test_the_query_is_planned_for_half_of_its_rows_unless_the_project_says_otherwise(
    given_by_project: str | None, planned: str
):
    with connection.cursor() as cursor:
        if given_by_project:
            cursor.execute(f"SET LOCAL cursor_tuple_fraction = {given_by_project}")
        assert next(OBJECTS.iterator())
        cursor.execute("SHOW cursor_tuple_fraction")
        assert cursor.fetchone() == (planned,)


class Hinted(OrderBy):
    """An order whose SQL ends with a comment."""

    template = "%(expression)s %(ordering)s -- a hint; nothing else"


@needs_postgresql
@EACH_WAY
def test_a_query_may_end_with_a_comment(queryset: QuerySet[Any]):
    hinted = queryset.order_by(Hinted(F("tail_number")))
    assert [*hinted.iterator()] == [*queryset.all()]


@needs_postgresql
@EACH_WAY
def test_the_cursor_is_closed_when_the_rows_are_left(queryset: QuerySet[Any]):
    def opened() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
            return cursor.fetchone()[0]

    rows = queryset.iterator()
    assert next(rows)
    assert opened() == 1
    rows.close()
    assert opened() == 0
