"""Rows to items: the one place that decides how a serializer is applied."""

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from rest_framework.serializers import BaseSerializer, ListSerializer

from drf_streaming.columns.compiler import compile_plan
from drf_streaming.columns.fields import is_own
from drf_streaming.columns.models import Declined, check_objects, check_queryset
from drf_streaming.columns.objects import ObjectPlan
from drf_streaming.columns.plan import Columns, Plan
from drf_streaming.columns.relations import Relations
from drf_streaming.fetching import ColumnsIterable
from drf_streaming.tables import Placed, Table

Items = Sequence[Any] | Table
Grade = Literal["columns", "objects", "DRF"]


@dataclass(slots=True)
class Serialization:
    """How rows become items.

    Shape: `rows` is what to read in place of the rows that were given; `chunk` makes items of
        those that were read together, or, with `whole`, of all of them.
    """

    rows: Any
    chunk: Callable[[list[Any]], Items | Placed]
    grade: Grade = "DRF"
    reason: str = ""
    advice: str = ""
    plan: Plan | None = None
    whole: bool = False
    keys: Callable[[list[Any]], list[tuple[Any, ...]]] = lambda rows: [() for _ in rows]
    """What the rows have under the names that were wanted as keys."""
    given: Any = None
    """The rows that were given, which join nothing for what only items show."""


def prepare(
    serializer: BaseSerializer[Any] | None, rows: Any, keys: Sequence[str] = ()
) -> Serialization:
    """Decide how this serializer is applied to these rows, which have these keys."""
    prepared = _prepare(serializer, rows, keys)
    prepared.given = rows
    if prepared.grade != "columns":
        prepared.keys = _keys_of_objects(keys)
    return prepared


def is_row_by_row(serializer: BaseSerializer[Any] | None) -> bool:
    """Tell whether each item is made of one row."""
    return serializer is None or _row_by_row(serializer) is not None


def _keys_of_objects(keys: Sequence[str]) -> Callable[[list[Any]], list[tuple[Any, ...]]]:
    getters = [attrgetter(key) for key in keys]
    return lambda rows: [tuple(get(row) for get in getters) for row in rows]


def _prepare(
    serializer: BaseSerializer[Any] | None, rows: Any, keys: Sequence[str]
) -> Serialization:
    if serializer is None:
        return Serialization(rows, lambda chunk: chunk, reason="there is no serializer")
    by_row = _row_by_row(serializer)
    if by_row is None:
        name = type(serializer).__name__
        reason = f"{name} represents the list as a whole"
        return Serialization(rows, partial(_whole, serializer), whole=True, reason=reason)
    try:
        if not isinstance(rows, QuerySet):
            raise Declined("the rows are no queryset")
        check_objects(rows)
        relations = Relations(rows)
        plan = compile_plan(by_row.child, rows, relations)
    except Declined as declined:
        return Serialization(
            rows, by_row.to_representation, reason=str(declined), advice=declined.advice
        )
    try:
        if own := [entry.name for entry in plan.entries if entry.source is None]:
            raise Declined(f"some fields have to see the object: {', '.join(own)}")
        check_queryset(rows)
        if (
            shadowed := {"__".join(path) for path in plan.paths if len(path) > 1}
            & rows.query.annotations.keys()
        ):
            raise Declined(f"an annotation has the name of a path: {', '.join(shadowed)}")
    except Declined as declined:
        return _over_objects(plan, relations.fetched(), by_row, declined)
    return _over_columns(rows, plan, keys)


def _over_columns(rows: QuerySet[Any], plan: Plan, keys: Sequence[str]) -> Serialization:
    paths = plan.paths
    names = ["__".join(path) for path in paths]
    if rows.query.distinct:
        # Rows that differ only in what nobody reads are different rows still.
        names += [key for key in [plan.model._meta.pk.attname] if key not in names]
    names += [key for key in keys if key not in names]
    using = rows.db
    places = [names.index(key) for key in keys]

    def chunk(found: list[Any]) -> Table:
        columns = dict(zip(paths, zip(*found, strict=True), strict=False))
        return plan.table(Columns(columns, len(found), using))

    selected = rows.values_list(*names)
    selected._iterable_class = ColumnsIterable
    selected._prefetch_related_lookups = ()  # type: ignore[attr-defined]  # private

    def keys_of(found: list[Any]) -> list[tuple[Any, ...]]:
        return [tuple(row[place] for place in places) for row in found]

    return Serialization(selected, chunk, grade="columns", plan=plan, keys=keys_of)


def _over_objects(
    plan: Plan, rows: QuerySet[Any], serializer: ListSerializer[Any], declined: Declined
) -> Serialization:
    over_objects = ObjectPlan(plan)

    def chunk(found: list[Any]) -> Items:
        if {*map(type, found)} != {plan.model}:
            return serializer.to_representation(found)
        return over_objects.table([*map(over_objects.take, found)])

    reason, advice = str(declined), declined.advice
    return Serialization(rows, chunk, "objects", reason, advice, plan)


def items(serialization: Serialization, chunks: Generator[list[Any]]) -> Generator[Items | Placed]:
    """Yield each chunk of rows as what `serializer.data` would hold for them."""
    with closing(chunks):
        if serialization.whole:
            yield serialization.chunk([row for chunk in chunks for row in chunk])
        else:
            yield from map(serialization.chunk, chunks)


async def aitems(
    serializer: BaseSerializer[Any] | None, chunks: AsyncGenerator[list[Any]]
) -> AsyncGenerator[Items]:
    """Yield each chunk of rows as what `serializer.data` would hold for them.

    Errors: TypeError for a serializer that represents the list as a whole.
    """
    async with aclosing(chunks):
        if serializer is None:
            async for chunk in chunks:
                yield chunk
            return
        by_row = _row_by_row(serializer)
        if by_row is None:
            raise TypeError(
                f"{type(serializer).__name__} represents the list as a whole, and an async "
                "iterable can only be streamed row by row."
            )
        # Fields may read related rows, which only a thread may.
        represent = sync_to_async(by_row.to_representation)
        async for chunk in chunks:
            yield await represent(chunk) if chunk else chunk


def _row_by_row(serializer: BaseSerializer[Any]) -> ListSerializer[Any] | None:
    """Return the serializer if its list is nothing but its rows, one after the other."""
    if (
        isinstance(serializer, ListSerializer)
        and is_own(serializer, "to_representation")
        and type(serializer).data is ListSerializer.data
    ):
        return serializer
    return None


def _whole(serializer: BaseSerializer[Any], rows: list[Any]) -> Items:
    serializer.instance = rows
    data = serializer.data
    if not isinstance(data, list | tuple):
        raise TypeError(
            f"{type(serializer).__name__}.data must be a list to be streamed, "
            f"got {type(data).__name__}."
        )
    return data
