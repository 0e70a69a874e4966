"""Rows as objects: values are taken from one after the other, and then columns made of them.

A field that runs the project's code may change the object, what it refers to, or the time zone,
for the fields and rows after it. So each row gives its values in the order of the fields, before
the next row is looked at, as in DRF.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone, translation

from drf_streaming.columns import cells
from drf_streaming.columns.converters import Converter
from drf_streaming.columns.plan import Collect, Entry, Join, Plan, Read
from drf_streaming.tables import Column, Many, Nested, Plain, Table, Values, values


class _Cell(NamedTuple):
    """What is taken from each row, and the columns that are made of it."""

    take: Callable[[Any], Any]
    columns: Callable[[Sequence[Any]], Iterable[Column]]


class ObjectPlan:
    """A plan for rows that are objects of its model."""

    def __init__(self, plan: Plan, *, runs_code: bool | None = None) -> None:
        self._names = tuple(entry.name for entry in plan.entries)
        self._runs_code = plan.needs_objects if runs_code is None else runs_code
        self._model = plan.model
        self._cells = [
            cell
            for plain, entries in groupby(plan.entries, self._is_attribute)
            for cell in ([_attributes([*entries])] if plain else map(self._cell, entries))
        ]

    def take(self, row: Any) -> list[Any]:
        """Return what the columns need of one object."""
        return [cell.take(row) for cell in self._cells]

    def table(self, taken: Sequence[Sequence[Any]]) -> Table:
        """Return the items of the objects that this was taken from."""
        by_cell = zip(*taken, strict=True) if taken else [()] * len(self._cells)
        columns = [
            column
            for cell, found in zip(self._cells, by_cell, strict=True)
            for column in cell.columns(found)
        ]
        return Table(self._names, columns, len(taken))

    def _is_attribute(self, entry: Entry) -> bool:
        """Tell whether an attribute is all that a field needs, now or later."""
        source = entry.source
        if not isinstance(source, Read) or len(source.path) > 1 or source.absent is not None:
            return False
        fast = source.convert.fast
        return not self._runs_code or (fast is not None and not fast.in_context)

    def _cell(self, entry: Entry) -> _Cell:
        match entry.source:
            case Join() as join:
                return _join(join, ObjectPlan(join.plan, runs_code=self._runs_code))
            case Collect() as collect:
                return self._collect(collect)
            case Read((name,), convert, None) if convert.fast is not None:
                return _in_context(name, convert)
        return _Cell(cells.cell(entry.field, self._model), lambda found: [Values(found)])

    def _collect(self, collect: Collect) -> _Cell:
        name, item = collect.name, collect.item
        if isinstance(item, Read):
            take_item: Callable[[Any], Any] = attrgetter(*item.path)
            column: Callable[[Sequence[Any]], Column] = item.convert.__call__
        else:
            plan = ObjectPlan(item, runs_code=self._runs_code)
            take_item = plan.take

            def column(found: Sequence[Any]) -> Column:
                return Nested(plan.table(found))

        def take(row: Any) -> list[Any]:
            return [*map(take_item, getattr(row, name).all())]

        def columns(found: Sequence[Any]) -> list[Column]:
            return [Many(column([*chain.from_iterable(found)]), [*map(len, found)])]

        return _Cell(take, columns)


def _attributes(entries: Sequence[Entry]) -> _Cell:
    """Return attributes that are next to each other as one cell."""
    reads = [entry.source for entry in entries if isinstance(entry.source, Read)]
    converters = [read.convert for read in reads]
    take = attrgetter(*(read.path[0] for read in reads))
    if len(reads) == 1:
        return _Cell(take, lambda found: [converters[0](found)])

    def columns(found: Sequence[Any]) -> list[Column]:
        by_name = zip(*found, strict=True) if found else [()] * len(reads)
        return [convert(each) for convert, each in zip(converters, by_name, strict=True)]

    return _Cell(take, columns)


def _join(join: Join, plan: ObjectPlan) -> _Cell:
    name = join.name
    if name is None:
        return _Cell(plan.take, lambda found: [Nested(plan.table(found))])

    def take(row: Any) -> Any:
        try:
            related = getattr(row, name)
        except ObjectDoesNotExist:
            return None
        return None if related is None else plan.take(related)

    def columns(found: Sequence[Any]) -> list[Column]:
        present = [each is not None for each in found]
        table = plan.table([each for each in found if each is not None])
        return [Nested(table, None if all(present) else present)]

    return _Cell(take, columns)


def _in_context(name: str, convert: Converter) -> _Cell:
    """Return the values with the time zone and language that were the current ones for each."""
    get = attrgetter(name)

    def take(row: Any) -> tuple[Any, Any]:
        return get(row), (timezone.get_current_timezone(), translation.get_language())

    def columns(found: Sequence[tuple[Any, Any]]) -> list[Plain]:
        parts = []
        for (zone, language), pairs in groupby(found, itemgetter(1)):
            with timezone.override(zone), translation.override(language):
                parts.append(convert([value for value, _ in pairs]))
        if len(parts) == 1:
            return parts
        return [Values([*chain.from_iterable(map(values, parts))])]

    return _Cell(take, columns)
