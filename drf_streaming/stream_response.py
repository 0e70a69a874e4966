"""Send blocks of bytes through Django, step by step on every server, and close what they read."""

import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypedDict

import django
from django.http import HttpRequest, StreamingHttpResponse

from drf_streaming import bridge, leases, settings
from drf_streaming.framing import Framing

logger = logging.getLogger("drf_streaming")

# Before 6.1, GZipMiddleware holds sync streams back, and before 6.0 it cuts async ones into
# members of which many clients read the first only.
GZIP_STREAMS = django.VERSION >= (6, 1)


class Options(TypedDict, total=False):
    """What Django's responses take besides their content."""

    content_type: str | None
    status: int | None
    reason: str | None
    charset: str | None
    headers: Mapping[str, str] | None


class StreamResponse(StreamingHttpResponse):
    """Send blocks of one framing, step by step on every server."""

    def __init__(
        self,
        content: Iterator[bytes] | AsyncIterator[bytes],
        framing: Framing,
        *,
        context: bridge.RequestContext | None = None,
        live: bridge.Live | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self._iterators: list[Any] = []
        self._context = context or bridge.RequestContext()
        self._live = live or _of_a_list(framing)
        self._compressible = GZIP_STREAMS and framing.compressible
        given = {name.lower() for name in headers or ()}
        if content_type is None and "content-type" not in given:
            content_type = framing.content_type
        super().__init__(content, content_type=content_type, headers=headers, **kwargs)
        # Proxies that know this header send each block on as it comes.
        self.headers.setdefault("X-Accel-Buffering", "no")
        for name, value in framing.headers:
            self.headers.setdefault(name, value)
        if (whole := self._whole) is not None:
            self.headers.setdefault("Content-Length", str(len(whole)))

    def has_header(self, header: str) -> bool:
        """Tell middleware that compresses that there is nothing left for it to do."""
        if header.lower() == "content-encoding" and not self._compressible:
            return True
        return super().has_header(header)

    def _set_streaming_content(self, value: Any) -> None:
        super()._set_streaming_content(value)  # type: ignore[misc]  # private
        if self._iterators:
            # It may be longer now, or shorter.
            del self.headers["Content-Length"]
        # Middleware wraps what is there: each layer is closed, the outermost first.
        self._iterators.insert(0, value)

    def __iter__(self) -> Iterator[bytes]:
        if (whole := self._whole) is not None:
            return iter((whole,))
        content: Any = self.streaming_content
        if self.is_async:
            served = bridge.iterate_async(
                content, self._aclose_iterators, self._context, self._live
            )
        else:
            served = bridge.iterate(content, self._close_iterators, self._context, self._live)
        # A WSGI server closes the response, not the iterator that it took from it.
        self._resource_closers.insert(0, served.close)  # type: ignore[attr-defined]  # private
        return served

    def __aiter__(self) -> AsyncIterator[bytes]:
        if (whole := self._whole) is not None:
            return _at_once(whole)
        content: Any = self.streaming_content
        if self.is_async:
            return bridge.pump(content, self._aclose_iterators, self._context, self._live)
        return bridge.drive(
            content, self._close_iterators, self._context, self._live, self._interrupt_iterators
        )

    def close_with(self, request: HttpRequest) -> None:
        """Close what this response reads with the request, even if another is sent, or none."""
        for lease in leases.leases_of(request):
            self.streaming_content = leases.held(lease, self._iterators[0])
        bridge.close_at_the_end(self._close_in_context)
        # Django calls it at the very end.
        request.close = partial(self._close_after, request.close)  # type: ignore[method-assign]

    def _close_after(self, close_request: Callable[[], None]) -> None:
        close_request()
        self._close_in_context()

    def _close_in_context(self) -> None:
        self._context.run(self._close_iterators)

    @property
    def _whole(self) -> bytes | None:
        """All blocks, where they are there and nobody wants to do anything with them."""
        return getattr(self._iterators[0], "whole", None) if len(self._iterators) == 1 else None

    def _close_iterators(self) -> None:
        for iterator in self._iterators:
            if close := getattr(iterator, "close", None):
                with _logged():
                    close()

    def _interrupt_iterators(self) -> None:
        for iterator in self._iterators:
            if interrupt := getattr(iterator, "interrupt", None):
                with _logged():
                    interrupt()

    async def _aclose_iterators(self) -> None:
        for iterator in self._iterators:
            if aclose := getattr(iterator, "aclose", None):
                with _logged():
                    await aclose()


async def _at_once(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


def _of_a_list(framing: Framing) -> bridge.Live:
    """Return how a stream that comes to an end goes on: some formats have room for a heartbeat."""
    if not framing.heartbeat:
        return bridge.LIST
    return bridge.Live(heartbeat=settings.get("HEARTBEAT"), beat=framing.heartbeat)


@contextmanager
def _logged() -> Generator[None]:
    """Log an error of one layer as it is closed: nobody is left to answer, and others follow."""
    try:
        yield
    except Exception:
        logger.exception("A stream failed as it was closed")
