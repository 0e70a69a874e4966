"""What is measured: one endpoint for each way to serve each case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

PEERS = {
    "columns": "drf_streaming, columns",
    "objects": "drf_streaming, objects",
    "DRF": "drf_streaming, DRF",
    "list": "DRF's own list",
    "hand": "stream by hand",
    "restflow": "restflow",
    "ninja": "django-ninja",
    "fastapi": "FastAPI",
    "limit": "the limit",
}
GRADES = ("columns", "objects", "DRF")
CASES = {
    "flat": "flat",
    "nested": "nested",
    "method": "method field",
    "many": "many-to-many",
}
# How columns of a long list are read, and in which order.
SOURCES = ("cursor", "keyset")
ORDERS = {"flat": "the primary key", "indexed": "another index"}
FORMATS = ("ndjson", "json", "sse", "csv", "json-seq")
OF_ANY_SIZE = {"columns": ("new", "kept"), "list": ("new",), "limit": ("new",)}
APPLICATIONS = {"fastapi": "bench.fastapi_app:app", "limit": "bench.limit:app"}
DJANGO = "bench.asgi:application"


@dataclass(frozen=True)
class Endpoint:
    """One list, as one peer serves it in one format."""

    peer: str
    case: str
    format: str

    @property
    def name(self) -> str:
        return f"{self.case}/{self.peer}/{self.format}"

    @property
    def application(self) -> str:
        return APPLICATIONS.get(self.peer, DJANGO)

    def path(self, rows: int) -> str:
        stream = f"&stream={self.format}" if self.peer in GRADES + SOURCES else ""
        return f"/{self.peer}/{self.case}/?rows={rows}{stream}"


class Subject(NamedTuple):
    """What is measured again in each round."""

    database: str
    endpoint: Endpoint
    rows: int
    connection: str
    """Whether the server opens a "new" one to the database, or has "kept" one."""

    def __str__(self) -> str:
        return f"{self.database}/{self.endpoint.name}/{self.rows}/{self.connection}"

    def of(self, **other: str) -> "Subject":
        """Return the same of another peer or case, or in another format."""
        return self._replace(endpoint=replace(self.endpoint, **other))


def own_format(peer: str) -> str:
    """Return the format in which a peer is compared with the others."""
    return "json" if peer == "list" else "ndjson"


def every_endpoint() -> list[Endpoint]:
    lists = [
        Endpoint(peer, case, own_format(peer))
        for case in CASES
        for peer in PEERS
        # A method has to see the object, so no plan over columns exists.
        if (peer, case) != ("columns", "method")
    ]
    formats = [
        Endpoint(peer, "flat", format) for format in FORMATS[1:] for peer in ("columns", "DRF")
    ]
    return lists + formats


def subjects(database: str, rows: int, sizes: Sequence[int]) -> Iterator[Subject]:
    """Yield everything that is measured, with so many rows, and some of it with fewer or more."""
    for endpoint in every_endpoint():
        yield Subject(database, endpoint, rows, "new")
    for peer, connections in OF_ANY_SIZE.items():
        endpoint = Endpoint(peer, "flat", own_format(peer))
        for connection in connections:
            for each in (*sizes, rows):
                if (each, connection) != (rows, "new"):
                    yield Subject(database, endpoint, each, connection)
    if database == "postgresql":
        for case in ORDERS:
            for source in SOURCES:
                yield Subject(database, Endpoint(source, case, "ndjson"), max(*sizes, rows), "new")
