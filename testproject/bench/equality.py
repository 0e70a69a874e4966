"""Before anything is measured: everybody gives the same rows, and the labels are true."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from bench import client
from bench.endpoints import CASES, Endpoint
from bench.models import Order
from bench.serializers import SERIALIZERS, orders, overridden
from bench.server import Server
from drf_streaming.serialization import prepare

COMPARED = 1000


class DifferentError(Exception):
    """Two peers would be measured at different work."""


def check_grades() -> None:
    """Let each stream be serialized by the plan that it is called after."""
    for case in CASES:
        ways = {
            "columns": (SERIALIZERS[case], Order.objects),
            "objects": (SERIALIZERS[case], Order.as_objects),
            "DRF": (overridden(SERIALIZERS[case]), Order.objects),
        }
        if case == "method":
            del ways["columns"]
        for grade, (serializer, manager) in ways.items():
            rows = orders(case, 1, manager)
            found = prepare(serializer(rows, many=True), rows).grade
            if found != grade:
                raise DifferentError(f"{case}: {found} in place of {grade}")


def check_rows(endpoints: Iterable[Endpoint], database_url: str, rows: int) -> None:
    """Compare the first rows of each endpoint with those of DRF's own list."""
    wanted = [Endpoint("list", case, "json") for case in CASES]
    expected: dict[str, list[Any]] = {}
    others = sorted(set(endpoints) - set(wanted), key=attrgetter("application"))
    for application, group in groupby([*wanted, *others], attrgetter("application")):
        with Server(application, database_url) as server:
            for endpoint in group:
                answer = client.fetch(server.port, endpoint.path(min(rows, COMPARED)))
                found = client.items(answer.body, endpoint.format)
                compare(endpoint, found, expected.setdefault(endpoint.case, found))


def compare(endpoint: Endpoint, found: list[Any], expected: list[Any]) -> None:
    convert = as_text if endpoint.format == "csv" else comparable
    for place, (row, other) in enumerate(zip(found, expected, strict=True)):
        known = convert(other)
        if comparable(row) != known:
            raise DifferentError(f"{endpoint.name}: row {place} is\n{row}\nand DRF's is\n{known}")


def comparable(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item in which one moment has one spelling."""
    moments = {name: datetime.fromisoformat(item[name]) for name in ("created", "updated")}
    return {**item, **moments}


def as_text(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as a row of CSV gives it."""
    spelled = {None: "", True: "true", False: "false"}
    return comparable(
        {
            name: spelled[value] if value is None or isinstance(value, bool) else str(value)
            for name, value in item.items()
        }
    )
