"""Items to server-sent events."""

from collections.abc import Mapping
from typing import Any

from drf_streaming.encoders.json import JSONRecords
from drf_streaming.encoders.protocol import Items
from drf_streaming.events import SSEEvent
from drf_streaming.tables import Table


class EventRecords:
    """Write each item as one server-sent event.

    Shape: an `SSEEvent`, text, `(event, data)`, `(event, data, id)`, a dict of event fields;
        anything else is the data.
    """

    _FIELDS = frozenset({"data", "event", "id", "retry"})

    def __init__(self, json_records: JSONRecords) -> None:
        self._dumps = json_records.dumps

    def header(self) -> list[bytes]:
        """Return nothing: each event names its fields."""
        return []

    def records(self, items: Items) -> list[bytes]:
        """Return each item as a whole event."""
        if isinstance(items, Table):
            items = items.items()
        return [self._event(item).encode(self._dumps) for item in items]

    def _event(self, item: Any) -> SSEEvent:
        if isinstance(item, SSEEvent):
            return item
        if isinstance(item, tuple) and len(item) in (2, 3) and isinstance(item[0], str | None):
            event, data, *rest = item
            return SSEEvent(self._data(data), event, _as_id(rest[0] if rest else None))
        if isinstance(item, Mapping) and ("data" in item or (item and set(item) <= self._FIELDS)):
            return self._from_fields(item)
        return SSEEvent(self._data(item))

    def _from_fields(self, item: Mapping[str, Any]) -> SSEEvent:
        unknown = sorted(map(str, item.keys() - self._FIELDS))
        if unknown:
            raise ValueError(
                f"A dict with 'data' is an event; {unknown} are no event fields. "
                f"Known: {sorted(self._FIELDS)}. Put other values into 'data'."
            )
        fields = {**item, "id": _as_id(item.get("id"))}
        if "data" in item:
            fields["data"] = self._data(item["data"])
        else:
            # Without a data field nobody would see an event that has a name.
            fields["data"] = "" if item.get("event") is not None else None
        return SSEEvent(**fields)

    def _data(self, data: Any) -> str:
        return data if isinstance(data, str) else self._dumps(data)


def _as_id(value: Any) -> Any:
    """Let a number stand for its text, as primary keys are."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
