"""Cursors for rows in chunks: few rows come first, and none is asked for after the last."""

from contextlib import suppress
from itertools import count
from typing import Any

from django.db import Error

from drf_streaming.loaders import is_psycopg_3
from drf_streaming.transactions import in_test

# Rows of the first trip to the database, which the first byte waits for.
FIRST = 100
_numbers = count()
# PostgreSQL plans a cursor as if a tenth of its rows were fetched, and may then look through all of
# a table, in the order of the list, for a few rows that an index would find. With a half, all rows
# take at most twice as long as they must, by its own estimate. What a project has set stays.
# https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-CURSOR-TUPLE-FRACTION
_PLANNED = (
    "SELECT set_config('cursor_tuple_fraction', '0.5', true)"
    " WHERE current_setting('cursor_tuple_fraction') = '0.1';"
)


class FewFirst:
    """A cursor that asks with the first fetch, and fetches no more rows than `FIRST` then."""

    def __init__(self, cursor: Any, sql: str, params: Any) -> None:
        self._cursor = cursor
        self._sql = sql
        self._params = params
        self._begun = False
        self._nothing: Any = None

    def fetchmany(self, size: int) -> Any:
        """Return so many rows, or as many as there are."""
        if self._nothing is not None:
            return self._nothing
        if self._begun:
            rows = self._fetch(size)
        else:
            size = min(FIRST, size)
            rows = self._begin(size)
            self._begun = True
        if len(rows) < size:
            self._nothing = rows[:0]
        return rows

    def close(self) -> None:
        """Close the cursor of the driver."""
        self._cursor.close()

    def _begin(self, size: int) -> Any:
        self._cursor.execute(self._sql, self._params)
        return self._fetch(size)

    def _fetch(self, size: int) -> Any:
        return self._cursor.fetchmany(size)


class _Declared(FewFirst):
    """A cursor of PostgreSQL that is declared in the round trip that fetches its first rows."""

    def __init__(self, connection: Any, sql: str, params: Any) -> None:
        super().__init__(connection.cursor(), sql, params)
        self._connection = connection
        # Outside of tests a transaction has one stream. Where the text stays the same, the driver
        # takes it apart once, and statistics have one line for it.
        self._name = f"drf_streaming_{next(_numbers)}" if in_test(connection) else "drf_streaming"

    def close(self) -> None:
        """Close it on the server as well, unless the transaction ends with the rows."""
        if self._begun and in_test(self._connection):
            with suppress(Error):
                self._execute(f"CLOSE {self._name}")
        super().close()

    def _begin(self, size: int) -> Any:
        # On a line of its own: the query may end with a comment.
        declare = f"DECLARE {self._name} NO SCROLL CURSOR FOR {self._sql}\n;"
        fetch = f"FETCH {size} FROM {self._name}"
        begin = _beginning(self._connection)
        self._cursor.execute(begin + _PLANNED + declare + fetch, self._params)
        found = self._cursor.cursor
        while found.nextset():
            pass
        return self._cursor.fetchall()

    def _fetch(self, size: int) -> Any:
        self._execute(f"FETCH {size} FROM {self._name}")
        return self._cursor.fetchall()

    def _execute(self, statement: str) -> None:
        # Past Django's cursor, as with a cursor of the driver: it is no query of its own.
        with self._connection.wrap_database_errors:
            self._cursor.cursor.execute(statement)


def cursor_of(connection: Any, sql: str, params: Any) -> FewFirst:
    """Return the cursor of a query whose rows are read in chunks."""
    if _declares(connection):
        return _Declared(connection, sql, params)
    return FewFirst(connection.chunked_cursor(), sql, params)


def _declares(connection: Any) -> bool:
    """Tell whether several statements with parameters can be sent together, in a transaction."""
    options = connection.settings_dict["OPTIONS"]
    return (
        is_psycopg_3(connection)
        and connection.in_atomic_block
        and not options.get("server_side_binding")
    )


def _beginning(connection: Any) -> str:
    """Return what begins a transaction that has not begun: the driver takes a trip for that."""
    driver = connection.connection
    if driver.autocommit or driver.pgconn.transaction_status:
        return ""
    driver.autocommit = True
    level = driver.isolation_level
    modes = [f"ISOLATION LEVEL {level.name.replace('_', ' ')}"] if level else []
    modes += ["READ ONLY"] if driver.read_only else []
    return f"BEGIN {', '.join(modes)};"
