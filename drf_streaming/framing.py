"""The fixed bytes around and between the records of each format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias


class Lines(bytes):
    """Records of which each is ended by a LF, and none has one inside."""


Records: TypeAlias = Sequence[bytes] | Lines


@dataclass(frozen=True, slots=True)
class Framing:
    """Say which bytes open, separate, end and break off a stream of records."""

    content_type: str
    opening: bytes = b""
    announcing: bytes = b""
    """Written after the opening where the number of rows is known, which is `%d`."""
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""
    end: bytes = b""
    """Written after the last record of a complete stream; `%d` is the number of rows."""
    problem: tuple[bytes, bytes] | None = None
    """What surrounds the JSON of a failure, or None where the format has no place for one."""
    marked: bool = False
    """Whether marks may stand between the records."""
    identified: bool = False
    """Whether each record may have an id, as server-sent events do."""
    heartbeat: bytes = b""
    """What may stand between records while none comes, or nothing."""
    headers: tuple[tuple[str, str], ...] = ()
    compressible: bool = True

    @property
    def has_places(self) -> bool:
        """Tell whether a stream says where in the list it is."""
        return self.marked or self.identified

    def open(self, total: int | None) -> bytes:
        """Return what a stream begins with, of so many rows if that is known."""
        if total is None or not self.announcing:
            return self.opening
        return self.opening + self.announcing % total

    def join(self, records: Records, *, first: bool) -> bytes:
        """Return the block that holds these records."""
        if not records:
            return b""
        inner = self.after + self.between + self.before
        start = self.before if first else self.between + self.before
        if not isinstance(records, Lines):
            return start + inner.join(records) + self.after
        if inner == b"\n" and not start:
            return records
        return start + records[:-1].replace(b"\n", inner) + self.after

    def join_with_ids(self, records: Records, ids: Iterable[bytes]) -> bytes:
        """Return the block that holds these records, each with its id."""
        each = records[:-1].split(b"\n") if isinstance(records, Lines) else records
        line = b"id: %b\n" + self.before + b"%b" + self.after
        return b"".join([line % pair for pair in zip(ids, each, strict=True)])

    def mark(self, mark: bytes) -> bytes:
        """Return what is written between records, or nothing where the format has no place."""
        return self.before + mark + self.after if self.marked else b""

    def finish(self, rows: int) -> bytes:
        """Return the bytes that say: complete, with this many rows."""
        return self.end % rows if b"%d" in self.end else self.end

    def fail(self, problem: bytes) -> bytes:
        """Return the bytes that say: broken off; nothing where the format cannot say it."""
        if self.problem is None:
            return b""
        before, after = self.problem
        return before + problem + after


JSON = Framing("application/json", opening=b"[", between=b",", end=b"]")

NDJSON = Framing("application/x-ndjson", after=b"\n", problem=(b"", b"\n"), marked=True)

# https://www.rfc-editor.org/rfc/rfc7464#section-2.2
JSON_SEQ = Framing(
    "application/json-seq",
    before=b"\x1e",
    after=b"\n",
    problem=(b"\x1e", b"\n"),
    marked=True,
)

# https://www.rfc-editor.org/rfc/rfc4180#section-2
CSV = Framing("text/csv; charset=utf-8", after=b"\r\n")

SSE_RETRY = 3000
# A comment. No blank line after it: some clients would take it for an empty event.
SSE_HEARTBEAT = b":\n"


# https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
@lru_cache
def sse(*, retry: int | None = SSE_RETRY, whole_events: bool = False) -> Framing:
    """Return the framing of server-sent events.

    Shape: records are the data of events of a list that comes to an end, or whole events.
    Unit: `retry` is in milliseconds.
    """
    return Framing(
        "text/event-stream",
        opening=(b"" if retry is None else b"retry: %d\n" % retry) + SSE_HEARTBEAT,
        announcing=b': {"total":%d}\n',
        before=b"" if whole_events else b"data: ",
        after=b"" if whole_events else b"\n\n",
        end=b"" if whole_events else b'event: end\nid: ~end\ndata: {"rows":%d}\n\n',
        problem=(b"event: problem\ndata: ", b"\n\n"),
        identified=not whole_events,
        heartbeat=SSE_HEARTBEAT,
        headers=(("Cache-Control", "no-cache, no-transform"),),
        compressible=False,
    )


SSE = sse()
