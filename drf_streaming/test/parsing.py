"""What is complete of a stream, however its bytes are cut: items or events."""

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from django.http import HttpResponseBase

from drf_streaming.events import SSEEvent

T = TypeVar("T")
EVENTS = "text/event-stream"


class StreamBroken(AssertionError):
    """Say that a stream ended with the mark of a failure, or without its end."""


class Parser(ABC, Generic[T]):
    """Take the bytes of a stream as they come, and give what they complete."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder(self.encoding)()
        self._rest = ""

    def feed(self, part: bytes) -> list[T]:
        """Return what is complete with these bytes."""
        return self._take(self._decoder.decode(part))

    def end(self) -> list[T]:
        """Return what the end of the stream completes.

        Errors: StreamBroken where the stream says that it failed. Only here: whoever reads a
            response is to see the exception itself, which comes after the mark of it.
        """
        return self._finish(self._decoder.decode(b"", final=True))

    def _finish(self, text: str) -> list[T]:
        return self._take(text)

    @abstractmethod
    def _take(self, text: str) -> list[T]: ...


class Events(Parser[SSEEvent]):
    """Take an event stream as a browser does."""

    # https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    encoding = "utf-8-sig"

    def __init__(self) -> None:
        super().__init__()
        self._after_cr = False
        self._data: list[str] = []
        self._event = ""
        self._id: str | None = None

    def _take(self, text: str) -> list[SSEEvent]:
        if not text:
            return []
        # The two halves of one CRLF may come apart.
        after_cr, self._after_cr = self._after_cr, text.endswith("\r")
        text = text.removeprefix("\n") if after_cr else text
        *lines, self._rest = re.split("\r\n|\r|\n", self._rest + text)
        return [event for line in lines if (event := self._take_line(line)) is not None]

    def _take_line(self, line: str) -> SSEEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
        return None

    def _dispatch(self) -> SSEEvent | None:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return SSEEvent("\n".join(data), event or None, self._id) if data else None


def parse_events(text: str) -> Iterator[SSEEvent]:
    """Yield the events of an event stream as a browser would dispatch them."""
    yield from Events().feed(text.encode())


class _EventItems(Parser[Any]):
    """Take the items of a list that comes as events."""

    def __init__(self) -> None:
        super().__init__()
        self._events = Events()
        self._problem: str | None = None

    def _take(self, text: str) -> list[Any]:
        items = []
        for event in self._events.feed(text.encode()):
            if event.event == "problem":
                self._problem = event.data
            elif event.event != "end":
                items.append(json.loads(event.data))
        return items

    def _finish(self, text: str) -> list[Any]:
        if self._problem is not None:
            raise StreamBroken(self._problem)
        return []


class _Lines(Parser[Any]):
    """Take lines of JSON, those of a JSON text sequence among them, without the marks."""

    def __init__(self) -> None:
        super().__init__()
        self._problem: Any = None

    def _take(self, text: str) -> list[Any]:
        *lines, self._rest = (self._rest + text).split("\n")
        records = [record for line in lines if (record := line.removeprefix("\x1e"))]
        return [item for item in map(json.loads, records) if not self._is_mark(item)]

    def _finish(self, text: str) -> list[Any]:
        items = self._take(text + "\n")
        if self._problem is not None:
            raise StreamBroken(self._problem)
        return items

    def _is_mark(self, item: Any) -> bool:
        if not (isinstance(item, dict) and "$stream" in item):
            return False
        if item["$stream"] == "error":
            self._problem = item
        return True


class _Array(Parser[Any]):
    """Take the items of one JSON array."""

    _before = re.compile(r"\s*[\[,]\s*")
    _after = re.compile(r"\s*[,\]]")
    _end = re.compile(r"\s*\[?\s*\]\s*")

    def _take(self, text: str) -> list[Any]:
        text, at, items = self._rest + text, 0, []
        while found := self._item(text, at):
            item, at = found
            items.append(item)
        self._rest = text[at:]
        return items

    def _item(self, text: str, at: int) -> tuple[Any, int] | None:
        """Return the next item and where it ends, once it is certain that it does."""
        before = self._before.match(text, at)
        try:
            found: tuple[Any, int] = json.JSONDecoder().raw_decode(text, before.end())  # type: ignore[union-attr]
        except (AttributeError, json.JSONDecodeError):
            return None
        return found if self._after.match(text, found[1]) else None

    def _finish(self, text: str) -> list[Any]:
        if not self._end.fullmatch(self._rest):
            raise StreamBroken(f"Expected the rest of a JSON array, got {self._rest[:500]!r}")
        return []


class _Rows(Parser[Any]):
    """Take the rows of CSV under the first one, as dicts of text."""

    def __init__(self) -> None:
        super().__init__()
        self._header: Sequence[str] | None = None

    def _take(self, text: str) -> list[Any]:
        *lines, last = text.split("\n")
        rows = []
        for line in lines:
            self._rest += line + "\n"
            # Else the line ends inside of a cell.
            if self._rest.count('"') % 2 == 0:
                rows += self._row(self._rest)
                self._rest = ""
        self._rest += last
        return rows

    def _finish(self, text: str) -> list[Any]:
        return self._row(self._rest) if self._rest else []

    def _row(self, record: str) -> list[Any]:
        lines = io.StringIO(record, newline="")
        if self._header is None:
            self._header = next(csv.reader(lines))
            return []
        return list(csv.DictReader(lines, self._header))


_PARSERS: dict[str, Callable[[], Parser[Any]]] = {
    "application/json": _Array,
    "application/json-seq": _Lines,
    "application/x-ndjson": _Lines,
    EVENTS: _EventItems,
    "text/csv": _Rows,
}


def items_of(response: HttpResponseBase) -> Parser[Any]:
    """Return what takes the items of this response."""
    media_type = _media_type(response)
    if media_type not in _PARSERS:
        raise ValueError(f"Expected the media type of a stream, got {media_type!r}")
    return _PARSERS[media_type]()


def events_of(response: HttpResponseBase) -> Parser[SSEEvent]:
    """Return what takes the events of this response."""
    if (media_type := _media_type(response)) != EVENTS:
        raise ValueError(f"Expected the media type {EVENTS!r}, got {media_type!r}")
    return Events()


def _media_type(response: HttpResponseBase) -> str:
    if response.status_code >= 400 and not response.streaming:
        # A response that DRF has not rendered yet has its data only.
        said = getattr(response, "data", None) or b"".join(response)
        raise ValueError(f"Expected a stream, got the status {response.status_code}: {said!r:.500}")
    return response.headers.get("Content-Type", "").partition(";")[0]
