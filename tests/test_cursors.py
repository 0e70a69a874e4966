from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy

from drf_streaming.cursors import FIRST
from fetched import EACH_WAY, OBJECTS, ROWS, first
from flights.models import Plane
from trips import sent, traced

connection = connections["default"]
needs_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)
pytestmark = pytest.mark.django_db


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


@EACH_WAY
def test_a_database_without_cursors_of_its_own_is_read_as_well(
    queryset: QuerySet[Any], monkeypatch: Any
):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert [*queryset.iterator()] == [*queryset.all()]


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
