"""Results to tables, and where they are kept."""

import json
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .endpoints import CASES, FORMATS, ORDERS, PEERS, Endpoint, Subject, own_format
from .measures import Measure, Results, ratio

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
PACKAGES = (
    "django",
    "djangorestframework",
    "msgspec",
    "psycopg",
    "uvicorn",
    "drf-restflow",
    "django-ninja",
    "fastapi",
    "sqlalchemy",
    "orjson",
)
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def tables(results: Results, rows: int) -> str:
    """Return all tables, those of the peers for lists of so many rows."""
    parts = [
        *(
            part
            for database in DATABASES
            for case in CASES
            for part in peers(results, rows, database, case)
        ),
        *formats(results, rows),
        *sizes(results),
        *sources(results),
    ]
    return "\n".join(parts)


def peers(results: Results, rows: int, database: str, case: str) -> Iterator[str]:
    """Yield how the peers serve a case."""
    lines = []
    for peer, name in PEERS.items():
        subject = Subject(database, Endpoint(peer, case, own_format(peer)), rows, "new")
        if found := results.get(subject):
            to_list = ratio(results, subject, peer="list", format="json")
            to_limit = ratio(results, subject, peer="limit")
            lines.append([name, speed(found), times(to_list), times(to_limit), *costs(found)])
    header = ["", "rows/s", "to DRF's list", "to the limit", "first byte", "CPU a row", "memory"]
    yield from table(f"{DATABASES[database]}, {CASES[case]}, {rows:,} rows", header, lines)


def formats(results: Results, rows: int) -> Iterator[str]:
    """Yield what columns gain in each format."""
    lines = []
    for database, name in DATABASES.items():
        for format in FORMATS:
            subject = Subject(database, Endpoint("columns", "flat", format), rows, "new")
            slow = results.get(subject.of(peer="DRF"))
            if (found := results.get(subject)) and slow:
                gain = times(ratio(results, subject, peer="DRF"))
                lines.append([name, format, speed(found), speed(slow), gain])
    header = ["", "format", "columns, rows/s", "DRF, rows/s", "ratio"]
    yield from table(f"Formats, flat, {rows:,} rows", header, lines)


def sizes(results: Results) -> Iterator[str]:
    """Yield what lists of different lengths cost, where more than one was measured."""
    by_list = defaultdict(list)
    for subject, found in results.items():
        by_list[subject._replace(rows=0)].append(found)
    for database, name in DATABASES.items():
        lines = [
            [
                PEERS[subject.endpoint.peer],
                subject.connection,
                f"{found.subject.rows:,}",
                speed(found),
                *costs(found),
            ]
            for subject in sorted(by_list, key=str)
            for found in sorted(by_list[subject], key=lambda each: each.subject.rows)
            if subject.database == database and len(by_list[subject]) > 1
        ]
        header = ["", "connection", "rows", "rows/s", "first byte", "CPU a row", "memory"]
        yield from table(f"{name}, flat, few rows and many", header, lines)


def sources(results: Results) -> Iterator[str]:
    """Yield what reading by place costs beside a cursor."""
    lines = []
    for subject, found in sorted(results.items(), key=str):
        order = ORDERS.get(subject.endpoint.case)
        cursor = results.get(subject.of(peer="cursor"))
        if subject.endpoint.peer == "keyset" and cursor:
            to_cursor = times(ratio(results, subject, peer="cursor"))
            rows = f"{subject.rows:,}"
            lines.append([f"by {order}", rows, speed(cursor), speed(found), to_cursor])
    header = ["", "rows", "cursor, rows/s", "keyset, rows/s", "keyset to cursor"]
    yield from table("PostgreSQL, flat, by cursor and by place", header, lines)


def speed(measure: Measure) -> str:
    return f"{measure.rows_per_second:,.0f}"


def costs(measure: Measure) -> list[str]:
    return [
        f"{measure.first_byte_ms:,.1f} ms",
        f"{measure.cpu_us_per_row:.1f} µs",
        f"{measure.memory_mb:,.1f} MB",
    ]


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def table(title: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table in Markdown, unless it is empty."""
    lines = [*lines]
    if lines:
        texts = sum(cells in ("", "format", "connection") for cells in header)
        rule = ["---"] * texts + ["---:"] * (len(header) - texts)
        yield f"### {title}\n"
        yield from (f"| {' | '.join(cells)} |" for cells in (header, rule, *lines))
        yield ""


def environment() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{package: version(package) for package in PACKAGES},
    }


def write(measures: Iterable[Measure], path: Path) -> None:
    """Keep every single measure."""
    kept = {"environment": environment(), "measures": [each.as_dict() for each in measures]}
    path.write_text(json.dumps(kept, indent=1) + "\n")


def insert(text: str, page: Path) -> None:
    """Put the tables in place of those that a page has."""
    marked = re.compile(f"(?<={BEGIN}).*(?={END})", re.DOTALL)
    page.write_text(marked.sub(lambda _: f"\n{text}\n", page.read_text()))
