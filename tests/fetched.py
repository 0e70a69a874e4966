"""Rows read as objects and as columns, each through a cursor of ours."""

from typing import Any

import pytest
from django.db.models import QuerySet

from drf_streaming.cursors import FIRST
from drf_streaming.fetching import ColumnsIterable, few_first
from flights.models import Plane

ROWS = 2 * FIRST + 50
PLANES = Plane.objects.order_by("tail_number")


def by_columns(queryset: QuerySet[Any]) -> QuerySet[Any]:
    fetched = queryset.all()
    fetched._iterable_class = ColumnsIterable  # type: ignore[attr-defined]
    return fetched


OBJECTS, COLUMNS = few_first(PLANES), by_columns(PLANES.values_list("tail_number", "year"))
EACH_WAY = pytest.mark.parametrize("queryset", [OBJECTS, COLUMNS], ids=["objects", "columns"])


def first(rows: int, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return so many of these; the database does not know before that there are no more."""
    keys = Plane.objects.order_by("tail_number").values_list("pk", flat=True)[:rows]
    return queryset.filter(pk__in=[*keys, "none"])
