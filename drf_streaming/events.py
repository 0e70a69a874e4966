"""One server-sent event, to the letter of the WHATWG standard."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LAST_EVENT_ID = "Last-Event-ID"
END_ID = "~end"
# What an event is called that names no `event`.
MESSAGE = "message"

# https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
# Only these end a line; str.splitlines() knows more, and would break data apart.
_LINE_END = re.compile("\r\n|\r|\n")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class SSEEvent:
    """Hold the fields of one event.

    Shape: `data` is text as it is, None for no data field, and anything else as JSON.
    Unit: `retry` is in milliseconds.
    Errors: ValueError for a line end in `event` or `id`, NUL in `id`, or a `retry` that is
        no whole number.
    """

    data: Any
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        _check_line("event", self.event)
        _check_line("id", self.id)
        # "If the field value contains U+0000 NULL, then ignore the field": it would be lost.
        if self.id is not None and "\0" in self.id:
            raise ValueError(f"SSE id must not contain NUL, got {self.id!r}")
        if self.retry is not None and (
            not isinstance(self.retry, int) or isinstance(self.retry, bool) or self.retry < 0
        ):
            raise ValueError(
                f"SSE retry must be a whole number of milliseconds, got {self.retry!r}"
            )

    def encode(self, dumps: Callable[[Any], str] = _compact) -> bytes:
        """Return the event as the bytes of an event stream."""
        lines: list[str] = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        if self.data is not None:
            text = self.data if isinstance(self.data, str) else dumps(self.data)
            lines += [f"data: {line}" for line in _LINE_END.split(text)]
        # A blank line ends an event. After a lone comment or retry it must not stand: some
        # clients would report an event that was never sent.
        is_event = not (self.data is self.id is self.event is None)
        return ("\n".join(lines) + ("\n\n" if is_event else "\n")).encode()


def _check_line(field: str, value: str | None) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ValueError(f"SSE {field} must be text, got {value!r}")
    if _LINE_END.search(value):
        raise ValueError(f"SSE {field} must not contain CR or LF, got {value!r}")
