"""Responses that stream any iterable, sync or async, under WSGI and ASGI alike."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable
from contextlib import closing
from typing import Any, ClassVar, Unpack

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.http import content_disposition_header

from drf_streaming import bridge, framing, settings, snapshots, sources
from drf_streaming.body import Body, OnError, ablocks, blocks
from drf_streaming.encoders import CSVRecords, EventRecords, JSONRecords
from drf_streaming.events import SSEEvent
from drf_streaming.framing import SSE_RETRY, Framing
from drf_streaming.interrupts import Interruptible, Steps
from drf_streaming.stream_response import Options, StreamResponse

# One for all streams: Django's encoder keeps nothing from one value for the next.
_EVENTS = EventRecords(JSONRecords(DjangoJSONEncoder))
# Stands for what the settings say.
AS_SET: Any = object()

AnyIterable = Iterable[Any] | AsyncIterable[Any]


def _content(
    iterable: AnyIterable, body: Body
) -> Generator[bytes] | Interruptible | AsyncGenerator[bytes]:
    """Return the blocks of any iterable; the first opens the stream before an item is there."""
    if not isinstance(iterable, Iterable):
        return ablocks(body, sources.achunks(iterable))
    rows = sources.on_one_database(iterable)
    chunks = _opened(sources.chunks(rows, settings.get("CHUNK_SIZE")))
    if not sources.is_query(rows):
        return blocks(body, chunks)
    steps, isolation = Steps(rows.db, chunks), settings.get("ISOLATION")
    snapshots.check_isolation(rows.db, isolation)
    content = snapshots.within(rows.db, blocks(body, steps), isolation=isolation)
    return Interruptible(content, steps)


def _opened(chunks: Generator[Any]) -> Generator[Any]:
    with closing(chunks):
        yield []
        yield from chunks


class _IterableResponse(StreamResponse):
    def __init__(
        self,
        iterable: AnyIterable,
        body: Body,
        framing: Framing,
        *,
        live: bridge.Live | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        content = _content(sources.rows_of(iterable), body)
        super().__init__(content, framing, live=live, **kwargs)
        # A response that is never sent is closed all the same, and its source with it.
        if close := getattr(iterable, "close", None):
            self._resource_closers.append(close)  # type: ignore[attr-defined]  # private


class _JSONResponse(_IterableResponse):
    _framing: ClassVar[Framing]

    def __init__(
        self,
        iterable: AnyIterable,
        *,
        encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
        **kwargs: Unpack[Options],
    ) -> None:
        body = Body(self._framing, JSONRecords(encoder))
        super().__init__(iterable, body, self._framing, **kwargs)


class StreamingJSONListResponse(_IterableResponse):
    """Send items as one JSON array.

    Shape: with `on_error="close"` the array of a stream that fails is still closed, so that it
        parses; with `"cut"` it visibly is not. The response breaks off either way.
    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated; ValueError for another `on_error`.
    """

    def __init__(
        self,
        iterable: AnyIterable,
        *,
        encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
        on_error: OnError = "close",
        **kwargs: Unpack[Options],
    ) -> None:
        if on_error not in ("close", "cut"):
            raise ValueError(f"on_error must be 'close' or 'cut', got {on_error!r}")
        body = Body(framing.JSON, JSONRecords(encoder), on_error=on_error)
        super().__init__(iterable, body, framing.JSON, **kwargs)


class NDJSONResponse(_JSONResponse):
    """Send each item as a line of JSON.

    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated.
    """

    _framing = framing.NDJSON


class JSONSeqResponse(_JSONResponse):
    """Send items as a JSON text sequence, RFC 7464.

    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated.
    """

    _framing = framing.JSON_SEQ


class SSEResponse(_IterableResponse):
    """Send each item as a server-sent event.

    Shape: an item is an `SSEEvent`, text, `(event, data)`, `(event, data, id)`, a dict of event
        fields, or any other value, which is the data. With `hold_connections=True` the request's
        database connections are kept while the stream waits. What is not given is as the
        settings say.
    Unit: `retry` is in milliseconds; None leaves it to the client. `heartbeat`, `max_age` and
        `send_timeout` are in seconds; None is never.
    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated; ValueError for a `retry` that is no whole number, for what are no seconds, and
        for a `hold_connections` that is neither True nor False.
    """

    def __init__(
        self,
        iterable: AnyIterable,
        *,
        encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
        retry: int | None = SSE_RETRY,
        heartbeat: float | None = AS_SET,
        max_age: float | None = AS_SET,
        send_timeout: float | None = AS_SET,
        hold_connections: bool = AS_SET,
        **kwargs: Unpack[Options],
    ) -> None:
        events = framing.sse(retry=SSEEvent(None, retry=retry).retry, whole_events=True)
        is_default = encoder is DjangoJSONEncoder
        body = Body(events, _EVENTS if is_default else EventRecords(JSONRecords(encoder)))
        rows = sources.rows_of(iterable)
        live = bridge.Live(
            heartbeat=_set("HEARTBEAT", heartbeat),
            beat=events.heartbeat,
            max_age=_set("MAX_AGE", max_age),
            send_timeout=_set("SEND_TIMEOUT", send_timeout),
            endless=True,
            # The rows of a queryset come over a connection that is open meanwhile.
            hold_connections=sources.is_query(rows) or _set("HOLD_CONNECTIONS", hold_connections),
        )
        super().__init__(rows, body, events, live=live, **kwargs)


def _set(name: str, given: Any) -> Any:
    return settings.get(name) if given is AS_SET else given


class CSVResponse(_IterableResponse):
    """Send each item as a row of CSV, as a file to save.

    Shape: items are mappings with the keys of the first, which are the header; or sequences,
        which are rows as they are.
    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated.
    """

    def __init__(
        self,
        iterable: AnyIterable,
        *,
        encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
        filename: str = "export.csv",
        guard_formulas: bool = True,
        **kwargs: Unpack[Options],
    ) -> None:
        records = CSVRecords(JSONRecords(encoder), guard_formulas=guard_formulas)
        super().__init__(iterable, Body(framing.CSV, records), framing.CSV, **kwargs)
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        self.headers.setdefault("Content-Disposition", disposition)
