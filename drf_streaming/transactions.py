"""How the transaction of a stream begins: what it may do, what it sees, and for how long."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

REPEATABLE_READ = "repeatable read"
# Databases whose transactions can see one moment in all their queries, and what makes them do so.
# Oracle's do where they are read-only:
# https://docs.oracle.com/en/database/oracle/oracle-database/19/sqlrf/SET-TRANSACTION.html
# SQLite's do in WAL mode: https://www.sqlite.org/isolation.html
REPEATABLE = {
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "mysql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "oracle": "",
    "sqlite": "",
}
# What makes a transaction read-only, and what has to be undone after it.
_READ_ONLY = {
    "oracle": ("SET TRANSACTION READ ONLY", ""),
    "mysql": ("SET TRANSACTION READ ONLY", ""),
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}


def in_test(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether this is in the transaction of a test, which goes on after the stream."""
    return any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def declare_read_only(connection: BaseDatabaseWrapper, read_only: bool | None) -> None:
    """Let PostgreSQL's driver say so as it begins the transaction: one round trip less."""
    driver = connection.connection
    if connection.vendor == "postgresql" and driver is not None:
        # psycopg 3 and psycopg 2
        setattr(driver, "read_only" if hasattr(driver, "read_only") else "readonly", read_only)


def begin(connection: BaseDatabaseWrapper, timeout: float | None, isolation: str | None) -> None:
    """Say what a transaction is that has begun, and asked nothing yet.

    Unit: `timeout` is in seconds.
    """
    _execute(connection, *_beginning(connection, timeout, isolation))


def end(connection: BaseDatabaseWrapper) -> None:
    """Undo what the transaction that is over has left."""
    declare_read_only(connection, None)
    _execute(connection, *_READ_ONLY.get(connection.vendor, ())[1:])


def _beginning(
    connection: BaseDatabaseWrapper, timeout: float | None, isolation: str | None
) -> Iterator[str]:
    found: Any = getattr(connection, "isolation_level", None)
    # PostgreSQL's is a member of an enumeration, MySQL's is text.
    level = str(getattr(found, "name", found)).lower()
    if isolation == REPEATABLE_READ and level != "serializable":
        yield REPEATABLE[connection.vendor]
    yield from _READ_ONLY.get(connection.vendor, ())[:1]
    if timeout is not None and connection.vendor == "postgresql":
        yield f"SET LOCAL idle_in_transaction_session_timeout = {ceil(timeout * 1000)}"


def _execute(connection: BaseDatabaseWrapper, *statements: str) -> None:
    for statement in filter(None, statements):
        with connection.cursor() as cursor:
            cursor.execute(statement)
