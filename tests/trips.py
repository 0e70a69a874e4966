"""What a driver really sends to PostgreSQL."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection


def sent(trace: Path) -> list[str]:
    """Return the first words of the statements that libpq says it sent."""
    return re.findall(r'Query\s+"(\w+)', trace.read_text())


@contextmanager
def traced(path: Path) -> Iterator[None]:
    connection.ensure_connection()
    driver = connection.connection.pgconn
    with path.open("w") as trace:
        driver.trace(trace.fileno())
        yield
        driver.untrace()
