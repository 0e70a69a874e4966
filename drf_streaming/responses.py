"""Responses that stream any iterable, sync or async, under WSGI and ASGI alike."""

import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import closing
from typing import Any, ClassVar

import django
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from drf_streaming import bridge, framing, settings, snapshots, sources
from drf_streaming.body import Body, Chunks, OnError, ablocks, blocks
from drf_streaming.encoders import CSVRecords, EventRecords, JSONRecords
from drf_streaming.events import SSEEvent
from drf_streaming.framing import SSE_RETRY, Framing

AnyIterable = Iterable[Any] | AsyncIterable[Any]

# Before 6.1, GZipMiddleware holds sync streams back, and before 6.0 it cuts async ones into
# members of which many clients read the first only.
GZIP_STREAMS = django.VERSION >= (6, 1)


class StreamResponse(StreamingHttpResponse):
    """Send blocks of one framing, step by step on every server."""

    def __init__(
        self,
        content: Iterator[bytes] | AsyncIterator[bytes],
        framing: Framing,
        *,
        context: bridge.RequestContext | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self._iterators: list[Any] = []
        self._context = context or bridge.RequestContext()
        self._compressible = GZIP_STREAMS and framing.compressible
        given = {name.lower() for name in headers or ()}
        if content_type is None and "content-type" not in given:
            content_type = framing.content_type
        super().__init__(content, content_type=content_type, headers=headers, **kwargs)
        # Proxies that know this header send each block on as it comes.
        self.headers.setdefault("X-Accel-Buffering", "no")
        for name, value in framing.headers:
            self.headers.setdefault(name, value)

    def has_header(self, header: str) -> bool:
        """Tell middleware that compresses that there is nothing left for it to do."""
        if header.lower() == "content-encoding" and not self._compressible:
            return True
        return super().has_header(header)

    def _set_streaming_content(self, value: Any) -> None:
        super()._set_streaming_content(value)  # type: ignore[misc]  # private
        # Middleware wraps what is there: each layer is closed, the outermost first.
        self._iterators.insert(0, value)

    def __iter__(self) -> Iterator[bytes]:
        content: Any = self.streaming_content
        if self.is_async:
            served = bridge.iterate_async(content, self._aclose_iterators, self._context)
        else:
            served = bridge.iterate(content, self._close_iterators, self._context)
        # A WSGI server closes the response, not the iterator that it took from it.
        self._resource_closers.insert(0, served.close)  # type: ignore[attr-defined]  # private
        return served

    def __aiter__(self) -> AsyncIterator[bytes]:
        content: Any = self.streaming_content
        if self.is_async:
            return bridge.pump(content, self._aclose_iterators, self._context)
        return bridge.drive(content, self._close_iterators, self._context)

    def close_with(self, request: HttpRequest) -> None:
        """Close what this response reads with the request, even if middleware sends another."""
        close_request = request.close

        def close() -> None:
            close_request()
            self._context.run(self._close_iterators)

        request.close = close  # type: ignore[method-assign]  # Django calls it at the very end

    def _close_iterators(self) -> None:
        for iterator in self._iterators:
            if close := getattr(iterator, "close", None):
                close()

    async def _aclose_iterators(self) -> None:
        for iterator in self._iterators:
            if aclose := getattr(iterator, "aclose", None):
                await aclose()


def _content(iterable: AnyIterable, body: Body) -> Generator[bytes] | AsyncGenerator[bytes]:
    """Return the blocks of any iterable; the first opens the stream before an item is there."""
    if not isinstance(iterable, Iterable):
        return ablocks(body, sources.achunks(iterable))
    content = blocks(body, _opened(sources.chunks(iterable, settings.get("CHUNK_SIZE"))))
    return snapshots.within(iterable.db, content) if sources.is_query(iterable) else content


def _opened(chunks: Chunks) -> Chunks:
    with closing(chunks):
        yield []
        yield from chunks


class _IterableResponse(StreamResponse):
    def __init__(self, iterable: AnyIterable, body: Body, framing: Framing, **kwargs: Any) -> None:
        super().__init__(_content(sources.rows_of(iterable), body), framing, **kwargs)
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
        on_error: OnError = "cut",
        **kwargs: Any,
    ) -> None:
        body = Body(self._framing, JSONRecords(encoder), on_error=on_error)
        super().__init__(iterable, body, self._framing, **kwargs)


class StreamingJSONListResponse(_JSONResponse):
    """Send items as one JSON array.

    Shape: with `on_error="close"` the array of a stream that fails is still closed, so that it
        parses; with `"cut"` it visibly is not. The response breaks off either way.
    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated; ValueError for another `on_error`.
    """

    _framing = framing.JSON

    def __init__(
        self, iterable: AnyIterable, *, on_error: OnError = "close", **kwargs: Any
    ) -> None:
        if on_error not in ("close", "cut"):
            raise ValueError(f"on_error must be 'close' or 'cut', got {on_error!r}")
        super().__init__(iterable, on_error=on_error, **kwargs)


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
        fields, or any other value, which is the data.
    Unit: `retry` is in milliseconds; None leaves it to the client.
    Errors: TypeError for an `encoder` that is no JSONEncoder class, and for what cannot be
        iterated; ValueError for a `retry` that is no whole number.
    """

    def __init__(
        self,
        iterable: AnyIterable,
        *,
        encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
        retry: int | None = SSE_RETRY,
        **kwargs: Any,
    ) -> None:
        events = framing.sse(retry=SSEEvent(None, retry=retry).retry, whole_events=True)
        body = Body(events, EventRecords(JSONRecords(encoder)))
        super().__init__(iterable, body, events, **kwargs)


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
        **kwargs: Any,
    ) -> None:
        records = CSVRecords(JSONRecords(encoder), guard_formulas=guard_formulas)
        super().__init__(iterable, Body(framing.CSV, records), framing.CSV, **kwargs)
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        self.headers.setdefault("Content-Disposition", disposition)
