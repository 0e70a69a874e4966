"""Rows of `values_list()` from the database: few at first, and not asked for after the last."""

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import Error
from django.db.models.query import ValuesListIterable
from django.db.models.sql.constants import CURSOR

from drf_streaming.conversions import convert
from drf_streaming.loaders import is_psycopg_3
from drf_streaming.snapshots import in_test

# Rows of the first trip to the database, which the first byte waits for.
FIRST = 100
_numbers = count()


class ColumnsIterable(ValuesListIterable):  # type: ignore[type-arg]  # for mypy only
    """Yield the rows of `values_list()` as tuples, converted a column at a time."""

    def __iter__(self) -> Iterator[Any]:
        """Yield tuples."""
        queryset: Any = self.queryset
        compiler = queryset.query.get_compiler(queryset.db)
        compiler.apply_converters = partial(convert, connection=compiler.connection)
        cursor = self._cursor(compiler)
        if cursor is None:
            return  # Nothing can match, so the database was not asked.
        with closing(cursor):
            # `extra()` may select what only the order needs.
            width = compiler.col_count if compiler.has_extra_select else None
            found: Any = _fetched(cursor, width, self.chunk_size)
            if not self.chunked_fetch:
                found = [_cut(cursor.fetchall(), width)]
            elif not compiler.connection.features.can_use_chunked_reads:
                found = [*found]
            yield from compiler.results_iter(found, tuple_expected=True)

    def _cursor(self, compiler: Any) -> Any:
        if not (self.chunked_fetch and _declares(compiler.connection)):
            return compiler.execute_sql(CURSOR, self.chunked_fetch, self.chunk_size)
        try:
            return DeclaredCursor(compiler.connection, *compiler.as_sql())
        except EmptyResultSet:
            return None


def _declares(connection: Any) -> bool:
    """Tell whether two statements with parameters can be sent together, and rows come in parts."""
    settings = connection.settings_dict
    return (
        is_psycopg_3(connection)
        and connection.in_atomic_block
        and not settings.get("DISABLE_SERVER_SIDE_CURSORS")
        and not settings["OPTIONS"].get("server_side_binding")
    )


class DeclaredCursor:
    """A cursor of PostgreSQL that is declared in the round trip that fetches its first rows."""

    def __init__(self, connection: Any, sql: str, params: Any) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._name = f"drf_streaming_{next(_numbers)}"
        # On a line of its own: the query may end with a comment.
        self._query = (
            f"DECLARE {self._name} NO SCROLL CURSOR FOR {sql}\n;FETCH %s FROM {self._name}"
        )
        self._params = params
        self._declared = False

    def fetchmany(self, size: int) -> list[Any]:
        """Return so many rows, or as many as there are."""
        if self._declared:
            self._execute(f"FETCH {size} FROM {self._name}")
        else:
            self._cursor.execute(_beginning(self._connection) + self._query, (*self._params, size))
            while self._cursor.nextset():
                pass
            self._declared = True
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def close(self) -> None:
        """Close it on the server as well, unless the transaction ends with the rows."""
        if self._declared and in_test(self._connection):
            with suppress(Error):
                self._execute(f"CLOSE {self._name}")
        self._cursor.close()

    def _execute(self, statement: str) -> None:
        # Past Django's cursor, as with a cursor of the driver: it is no query of its own.
        with self._connection.wrap_database_errors:
            self._cursor.cursor.execute(statement)


def _beginning(connection: Any) -> str:
    """Return what begins a transaction that has not begun: the driver takes a trip for that."""
    driver = connection.connection
    if driver is None or driver.autocommit or driver.info.transaction_status:
        return ""
    driver.autocommit = True
    level = driver.isolation_level
    modes = [f"ISOLATION LEVEL {level.name.replace('_', ' ')}"] if level else []
    modes += ["READ ONLY"] if driver.read_only else []
    return f"BEGIN {', '.join(modes)};"


def _fetched(cursor: Any, width: int | None, chunk_size: int) -> Iterator[list[Any]]:
    size = min(FIRST, chunk_size)
    while rows := cursor.fetchmany(size):
        yield _cut(rows, width)
        if len(rows) < size:
            return
        size = chunk_size


def _cut(rows: list[Any], width: int | None) -> list[Any]:
    return rows if width is None else [row[:width] for row in rows]
