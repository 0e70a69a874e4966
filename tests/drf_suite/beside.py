"""Whatever a serializer represents, streamed as well, and compared."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.models import Manager, Model, QuerySet
from rest_framework.fields import empty
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ListSerializer, Serializer

from columnsapp.compare import outcome
from drf_streaming import serialization, sources
from drf_streaming.body import blocks
from drf_streaming.renderers import NDJSONRenderer

grades: Counter[str] = Counter()
reasons: Counter[str] = Counter()
_comparing = False


def watch() -> None:
    """Compare from now on what `serializer.data` is asked for."""
    for serializer_class in (Serializer, ListSerializer):
        serializer_class.data = _compared(serializer_class.data)


def _compared(data: Any) -> property:
    def compared(self: Any) -> Any:
        found = data.fget(self)
        if not _comparing and self.parent is None and (rows := _rows(self.instance)) is not None:
            with _unnoticed(rows.db):
                expected = outcome(_listed, _for_list(self), rows)
                assert outcome(_streamed, _for_list(self), rows) == expected
        return found

    return property(compared)


def _rows(instance: Any) -> QuerySet[Any] | None:
    """Return the rows of the database that this is, or is made of."""
    if isinstance(instance, Manager | QuerySet):
        return instance.all()
    objects = instance if isinstance(instance, list | tuple) else [instance]
    models = {*map(type, objects)}
    if len(models) != 1 or not issubclass(*models, Model) or None in (each.pk for each in objects):
        return None
    manager = models.pop()._base_manager.using(objects[0]._state.db)
    return manager.filter(pk__in=[each.pk for each in objects]).order_by("pk")


@contextmanager
def _unnoticed(database: str) -> Iterator[None]:
    """Leave no trace for those who count the queries of the test."""
    global _comparing
    _comparing = True
    log = connections[database].queries_log
    before = len(log)
    try:
        yield
    finally:
        while len(log) > before:
            log.pop()
        _comparing = False


def _for_list(serializer: Any) -> ListSerializer[Any]:
    """Return such a serializer as a view makes it for a list."""
    made, child = ListSerializer, serializer
    if isinstance(serializer, ListSerializer):
        made, child = type(serializer), serializer.child
    # As DRF makes it of the class, but for what it was given: rows, and their data.
    anew = type(child)(**{**child._kwargs, "instance": None, "data": empty, "context": {}})
    return made(child=anew, context=serializer._context)


def _listed(serializer: ListSerializer[Any], rows: QuerySet[Any]) -> bytes:
    serializer.instance = rows.all()
    return JSONRenderer().render(serializer.data)


def _streamed(serializer: ListSerializer[Any], rows: QuerySet[Any]) -> bytes:
    serializer.instance = rows.all()
    prepared = serialization.prepare(serializer, rows.all())
    items = serialization.items(prepared, sources.chunks(prepared.rows, 2))
    lines = b"".join(blocks(NDJSONRenderer().begin(serializer), items)).splitlines()
    grades[prepared.grade] += 1
    if prepared.reason:
        reasons[prepared.reason] += 1
    return b"[" + b",".join(lines) + b"]"
