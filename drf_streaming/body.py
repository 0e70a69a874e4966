"""Where a stream begins, ends and fails: chunks of items in, blocks of bytes out."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from http.client import responses
from typing import Any, Literal

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, PermissionDenied

from drf_streaming import bridge
from drf_streaming.encoders import Encoder, Items
from drf_streaming.exceptions import TimedOut, TooManyRows
from drf_streaming.framing import Framing, Records
from drf_streaming.interrupts import Interruptible, Steps
from drf_streaming.tables import Placed

logger = logging.getLogger("drf_streaming")

OnError = Literal["cut", "close"]
Chunks = Generator[Items | Placed] | Steps[Items | Placed]
AsyncChunks = AsyncGenerator[Items | Placed]


class Body:
    """Write one stream: its opening with the first items, its end or its failure.

    Shape: `marks` is how many rows there are between two marks; with 1 there is one at the end,
        with 0 none. `resume` is the place that the stream continues from. `count` returns the
        number of rows of the whole list, where the request wants to know it; once the stream is
        open, that is the `total`. `rows` is how many are written, `ended` whether these are all.
    """

    def __init__(
        self,
        framing: Framing,
        encoder: Encoder,
        *,
        on_error: OnError = "cut",
        max_rows: int | None = None,
        marks: int = 0,
        resume: str | None = None,
        count: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._framing = framing
        self._encoder = encoder
        self._on_error = on_error
        self._max_rows = max_rows
        self._opened = False
        self._first = True
        self.rows = 0
        self.ended = False
        self._marks = marks
        self._count = count
        self.total: int | None = None
        self._marked = 0
        self._place: Callable[[], str | None] = lambda: resume

    @property
    def goes_on(self) -> bool:
        """Tell whether clients come back by themselves, for what follows the last row they have."""
        return self._opened and self._framing.identified and self._place() is not None

    def write(self, items: Items | Placed) -> bytes:
        """Return the block of these items; the first one opens the stream."""
        rows = self.rows + len(items)
        if self._max_rows is not None and rows > self._max_rows:
            raise TooManyRows(rows, self._max_rows, exact=False)
        opening = b"" if self._opened else self._open()
        block = opening + self._records(items)
        self._opened = True
        self.rows = rows
        if self._marks > 1 and rows - self._marked >= self._marks:
            block += self._mark("mark")
            self._marked = rows
        return block

    def finish(self) -> bytes:
        """Return what a complete stream ends with."""
        opening = b"" if self._opened else self.write([])
        self.ended = True
        end = self._mark("end") if self._marks else b""
        return opening + end + self._framing.finish(self.rows)

    def fail(self, error: Exception) -> bytes:
        """Log the failure and return what marks it.

        Shape: nothing before the first block: the error is still the caller's to answer.
        """
        if not self._opened:
            return b""
        problem = {**_problem(error), **self._state()}
        level = logging.ERROR if problem["status"] >= 500 else logging.WARNING
        logger.log(level, "A stream was broken off after %d rows", self.rows, exc_info=error)
        if self._on_error == "close":
            return self._framing.finish(self.rows)
        return self._framing.fail(_dumps(problem))

    def _open(self) -> bytes:
        # Here, so that it is of the same snapshot as the rows.
        self.total = self._count()
        return self._framing.open(self.total) + self._join(self._encoder.header())

    def _records(self, items: Items | Placed) -> bytes:
        if not isinstance(items, Placed):
            return self._join(self._encoder.records(items))
        last = items.keys[-1]
        records = self._encoder.records(items.items)
        self._place = lambda: items.token(last).decode()
        if self._framing.identified:
            return self._framing.join_with_ids(records, map(items.token, items.keys))
        return self._join(records)

    def _mark(self, kind: str) -> bytes:
        return self._framing.mark(_dumps({"$stream": kind, **self._state()}))

    def _state(self) -> dict[str, Any]:
        """Return how far the stream has come."""
        known = {"total": self.total, "resume": self._place()}
        told = {name: value for name, value in known.items() if value is not None}
        return {"rows": self.rows, **told}

    def _join(self, records: Records) -> bytes:
        block = self._framing.join(records, first=self._first)
        self._first = self._first and not records
        return block


def _dumps(mark: dict[str, Any]) -> bytes:
    return json.dumps(mark, separators=(",", ":")).encode()


def _problem(error: Exception) -> dict[str, Any]:
    """Describe a failure without a word of the exception's own."""
    status = _status(error)
    problem = {"$stream": "error", "status": status, "title": responses.get(status, "Error")}
    if isinstance(error, TooManyRows | TimedOut):
        problem["detail"] = str(error.detail)
    return problem


def _status(error: Exception) -> int:
    """Return the status that DRF would have answered with."""
    if isinstance(error, APIException):
        return error.status_code
    if isinstance(error, Http404):
        return NotFound.status_code
    if isinstance(error, DjangoPermissionDenied):
        return PermissionDenied.status_code
    return APIException.status_code


def blocks(body: Body, chunks: Chunks, first: int = 0) -> Generator[bytes]:
    """Yield the stream of these chunks, and close them on every way out.

    Shape: fewer rows than `first` are all there are, and are one block together with the end.
    """
    with closing(chunks):
        try:
            for items in chunks:
                block = body.write(items)
                if body.rows < first:
                    yield block + body.finish()
                    return
                yield block
        except Exception as error:
            if isinstance(error, TimedOut) and body.goes_on:
                return
            if mark := body.fail(error):
                yield mark
            raise
        yield body.finish()


async def ablocks(body: Body, chunks: AsyncChunks) -> AsyncGenerator[bytes]:
    """Yield the stream of these chunks, and close them on every way out."""
    async with aclosing(chunks):
        try:
            async for items in chunks:
                yield body.write(items)
        except Exception as error:
            if mark := body.fail(error):
                yield mark
            raise
        except asyncio.CancelledError as cancelled:
            if _is_cancelled():
                raise
            # Something that the source waited for was cancelled, and nobody asked the stream to
            # end. A WSGI server would take the CancelledError for an order to exit.
            failure = RuntimeError("The source of a stream was cancelled")
            if mark := body.fail(failure):
                yield mark
            raise failure from cancelled
        yield body.finish()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Started:
    """Hold blocks of which the first is there already, so that its errors are the caller's.

    Shape: where it says that the list is `short`, the first is all there are, and the `whole`.
    """

    whole: bytes | None = None

    def __init__(
        self,
        rest: Generator[bytes] | Interruptible,
        short: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rest = rest
        start: Callable[[], tuple[bytes, bool]] = partial(_start, rest, short)
        if isinstance(rest, Interruptible):
            start = partial(bridge.take, start, rest.interrupt)
        try:
            self._first: bytes | None
            self._first, complete = start()
            self.whole = self._first if complete else None
        except BaseException:
            # It may have come to its end, and the client have left all the same.
            rest.close()
            raise

    def __iter__(self) -> "Started":
        return self

    def __next__(self) -> bytes:
        if self._first is None:
            return next(self._rest)
        first, self._first = self._first, None
        return first

    def interrupt(self) -> None:
        """Break off the step that makes the next block, where it can be; any thread may call it."""
        if isinstance(self._rest, Interruptible):
            self._rest.interrupt()

    def close(self) -> None:
        """Close the blocks that are left."""
        self._rest.close()


def _start(
    blocks: Generator[bytes] | Interruptible, short: Callable[[], bool]
) -> tuple[bytes, bool]:
    """Return the first block, and whether it is the only one."""
    first = next(blocks, b"")
    if complete := short():
        blocks.close()
    return first, complete
