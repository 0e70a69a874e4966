"""Rows of querysets in chunks, through cursors of our own; those of columns a column at a time."""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.db.models.query import ModelIterable, ValuesListIterable
from django.db.models.sql.compiler import cursor_iter

from drf_streaming.conversions import convert
from drf_streaming.cursors import cursor_of


class ColumnsIterable(ValuesListIterable):  # type: ignore[type-arg]  # for mypy only
    """Yield the rows of `values_list()` as tuples, converted a column at a time."""

    def __iter__(self) -> Iterator[Any]:
        """Return the tuples."""
        queryset: Any = self.queryset
        compiler = _compiler(queryset.query.get_compiler(queryset.db))
        compiler.apply_converters = partial(convert, connection=compiler.connection)
        rows: Iterator[Any] = compiler.results_iter(
            tuple_expected=True, chunked_fetch=self.chunked_fetch, chunk_size=self.chunk_size
        )
        return rows


class ObjectsIterable(ModelIterable):  # type: ignore[type-arg]  # for mypy only
    """Yield the objects of a queryset."""

    def __iter__(self) -> Iterator[Any]:
        """Return the objects."""
        given: Any = self.queryset
        queryset = given._chain()
        get_compiler = queryset.query.get_compiler
        queryset.query.get_compiler = lambda *args, **kwargs: _compiler(
            get_compiler(*args, **kwargs)
        )
        return iter(ModelIterable(queryset, self.chunked_fetch, self.chunk_size))


def few_first(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return a queryset that reads its objects so, if they are nothing but objects."""
    if queryset._iterable_class is not ModelIterable:
        return queryset
    found: QuerySet[Any] = queryset._chain()  # type: ignore[attr-defined]  # private
    found._iterable_class = ObjectsIterable
    return found


def _compiler(compiler: Any) -> Any:
    """Let a compiler read chunks through a cursor of ours."""
    compiler.execute_sql = partial(_execute, compiler, compiler.execute_sql)
    return compiler


def _execute(
    compiler: Any, execute_sql: Any, *args: Any, chunked_fetch: bool, chunk_size: int
) -> Any:
    """Return the rows in lists, as `execute_sql()` does."""
    if not chunked_fetch:
        return execute_sql(*args, chunked_fetch=chunked_fetch, chunk_size=chunk_size)
    connection = compiler.connection
    try:
        cursor = cursor_of(connection, *compiler.as_sql())
    except EmptyResultSet:
        return iter(())
    # `extra()` may select what only the order needs.
    width = compiler.col_count if compiler.has_extra_select else None
    features = connection.features
    rows = cursor_iter(cast("Any", cursor), features.empty_fetchmany_value, width, chunk_size)
    return rows if features.can_use_chunked_reads else [*rows]
