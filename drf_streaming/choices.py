"""How a queryset is read: through a cursor, in one snapshot, or by the place of each row."""

from dataclasses import dataclass
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import QuerySet

from drf_streaming import snapshots

SOURCES = ("auto", "cursor", "keyset")


@dataclass(frozen=True, slots=True)
class Choice:
    """The source of a queryset's rows, and why it is this one."""

    source: Literal["cursor", "keyset"]
    reason: str


def choose(
    rows: "QuerySet[Any]", wanted: str, refusal: str | None, *, isolated: bool = False
) -> Choice:
    """Choose how a queryset is read, which has no place for its rows where there is a refusal.

    Shape: what is `isolated` is read in a transaction either way.
    Errors: ImproperlyConfigured for a source that is unknown, or cannot be had.
    """
    if wanted == "cursor":
        return Choice("cursor", "stream_source is 'cursor'")
    if wanted == "keyset":
        if refusal is not None:
            raise ImproperlyConfigured(
                f"stream_source is 'keyset', but this list cannot be read so: {refusal}. "
                "Order it by columns, or let stream_source be 'auto' or 'cursor'."
            )
        return Choice("keyset", "stream_source is 'keyset'")
    if wanted != "auto":
        raise ImproperlyConfigured(f"stream_source must be one of {SOURCES}, got {wanted!r}.")
    trouble = _trouble(rows.db, isolated)
    if trouble is None:
        return Choice("cursor", "it harms nobody here")
    if refusal is not None:
        return Choice("cursor", f"{trouble}, but {refusal}")
    return Choice("keyset", trouble)


def _trouble(alias: str, isolated: bool) -> str | None:
    """Say what a cursor that is open for long would do."""
    connection = connections[alias]
    settings: dict[str, Any] = connection.settings_dict
    if connection.vendor == "mysql":
        return "with a cursor the driver would load the whole result"
    if settings["OPTIONS"].get("pool") and not isolated:
        return "a cursor would need a connection outside of the pool for each stream"
    if connection.vendor == "postgresql" and settings.get("DISABLE_SERVER_SIDE_CURSORS"):
        return "without cursors on the server the driver would load the whole result"
    if not isolated and snapshots.keeps_writers_out(connection):
        return "SQLite is not in WAL mode, where a cursor keeps all writers out"
    return None
