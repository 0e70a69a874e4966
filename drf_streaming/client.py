"""Follow a streamed list to its end over many connections; with httpx, and without Django."""

import json
import logging
import random
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from httpx_sse import EventSource

from drf_streaming.events import LAST_EVENT_ID

logger = logging.getLogger("drf_streaming.client")

_HOPELESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError)


class Refused(Exception):
    """Say that the list can't be had, and that asking again wouldn't help."""


class Incomplete(Exception):
    """Say that the list didn't come to its end."""


class _Cut(Exception):
    """Say that a response didn't come to its end."""


@dataclass
class Export:
    """Iterate the records of a list, each of them once.

    Shape: `marks` is after how many rows NDJSON is asked for a place, `attempts` how many responses
        in a row may bring nothing new, `total` how many rows the server says there are.
    Unit: `wait` takes seconds.
    Errors: Refused and Incomplete. Without one, the list came to its own end.
    """

    client: httpx.Client
    url: str
    marks: int = 500
    attempts: int = 10
    wait: Callable[[float], object] = time.sleep
    rows: int = field(default=0, init=False)
    total: int | None = field(default=None, init=False)
    _place: str | None = field(default=None, init=False)
    _events: bool = field(default=False, init=False)
    _retry: float = field(default=0, init=False)
    _after: float = field(default=0, init=False)

    def __iter__(self) -> Iterator[bytes]:
        failures = 0
        while True:
            before = self.rows
            try:
                yield from self._response()
                return
            except _HOPELESS as error:
                raise Refused(f"Not understood: {error!r}") from error
            except (_Cut, httpx.RequestError) as error:
                failures = 1 if self.rows > before else failures + 1
                self.wait(self._pause(error, failures))

    def _response(self) -> Generator[bytes]:
        self._after = 0
        parameters: dict[str, Any] = {"marks": self.marks}
        headers = {"Accept": "application/x-ndjson, text/event-stream;q=0.9"}
        if self._place is not None and self._events:
            headers[LAST_EVENT_ID] = self._place
        elif self._place is not None:
            parameters["after"] = self._place
        url = httpx.URL(self.url).copy_merge_params(parameters)
        with self.client.stream("GET", url, headers=headers) as response:
            if response.status_code != 200:
                self._after = _seconds(response.headers.get("Retry-After", "0"))
                text = response.headers.get("Location") or next(response.iter_text(2000), "")
                raise _failure(response.status_code, f"{response.reason_phrase} {text}")
            if self.total is None and "X-Total-Count" in response.headers:
                self.total = int(response.headers["X-Total-Count"])
            media_type = response.headers.get("Content-Type", "").partition(";")[0]
            if media_type not in ("application/x-ndjson", "text/event-stream"):
                raise Refused(f"Expected NDJSON or server-sent events, got {media_type!r}")
            self._events = media_type == "text/event-stream"
            yield from self._of_events(response) if self._events else self._of_lines(response)

    def _of_lines(self, response: httpx.Response) -> Generator[bytes]:
        """Yield the records of NDJSON, each when a mark has told its place."""
        before, held, rest = self.rows, list[bytes](), b""
        for part in response.iter_bytes():
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                if not line.startswith(b'{"$stream":'):
                    held.append(line)
                    continue
                mark = json.loads(line)
                yield from held
                self.rows += len(held)
                self._place = mark.get("resume")
                held = []
                _check(mark, self.rows - before)
                if mark["$stream"] == "end":
                    return
            # The server's chunks are no larger than the distance between marks.
            if len(held) > 2 * self.marks:
                raise Refused("The server sends no marks, so no end could be verified")
        raise _Cut("The response ended before the list")

    def _of_events(self, response: httpx.Response) -> Generator[bytes]:
        """Yield the data of server-sent events."""
        before = self.rows
        for event in EventSource(response).iter_sse():
            if event.retry is not None:
                self._retry = event.retry / 1000
            if event.event in ("end", "problem"):
                _check(json.loads(event.data), self.rows - before)
                if event.event == "end":
                    return
            # Here an id or a retry alone is an event too.
            elif event.data:
                # A line end in JSON stands between values, where a space does as well.
                yield event.data.replace("\n", " ").encode()
                self.rows += 1
                self._place = event.id or None
        raise _Cut("The response ended before the list")

    def _pause(self, error: Exception, failures: int) -> float:
        """Return how many seconds to wait before asking again; give up with Incomplete."""
        reason = f"{str(error) or type(error).__name__}, after {self.rows} rows"
        pause = max(min(60, 1 << (failures - 1)), self._retry, self._after)
        if self.rows and self._place is None:
            raise Incomplete(f"{reason}; this list has no places to go on from") from error
        if failures >= self.attempts or pause > 3600:
            raise Incomplete(f"{reason}; given up with {pause:.0f} s to wait") from error
        # Clients that were cut off together aren't to come back together.
        pause *= random.uniform(1, 1.5)  # noqa: S311
        logger.warning("%s; going on in %.1f s", reason, pause)
        return pause


def _check(mark: dict[str, Any], rows: int) -> None:
    """Raise what a mark tells of: rows that were lost on the way, or a failure."""
    if mark.get("rows") != rows:
        raise Incomplete(f"The server has sent {mark.get('rows')} rows, but {rows} arrived")
    if "status" in mark:
        raise _failure(mark["status"], f"{mark.get('title')} {mark.get('detail', '')}")


def _failure(status: int, reason: str) -> Exception:
    passes = status >= 500 or status in (408, 425, 429)
    return (_Cut if passes else Refused)(f"{status} {reason}".strip())


def _seconds(after: str) -> float:
    # https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    return (
        float(after) if after.isdigit() else parsedate_to_datetime(after).timestamp() - time.time()
    )
