"""One list on its way from the database: by which source, as which items, with which places."""

from collections.abc import Generator, Iterable
from typing import Any

from django.db.models import QuerySet
from rest_framework.serializers import BaseSerializer

from drf_streaming import choices, keysets, serialization, snapshots, sources
from drf_streaming.body import Body, Started, blocks
from drf_streaming.choices import Choice
from drf_streaming.comparing import NoPlace
from drf_streaming.cursors import FIRST
from drf_streaming.framing import Framing
from drf_streaming.interrupts import Interruptible, Steps
from drf_streaming.parameters import Start
from drf_streaming.places import Places
from drf_streaming.serialization import Serialization

# How many chunks of columns one query by place reads: planning it costs as much as many rows.
CHUNKS = 4


class Reading:
    """Read the rows of one list.

    Shape: `places` are those of the rows, or None where they have none, which `refusal` explains.
        `choice` is None for rows that are no queryset.
    Errors: ImproperlyConfigured for a source or an isolation that cannot be had.
    """

    places: Places | None = None
    choice: Choice | None = None
    refusal: str | None = None

    def __init__(
        self,
        rows: Iterable[Any],
        serializer: BaseSerializer[Any] | None,
        view: Any,
        source: str,
        isolation: str | None = None,
    ) -> None:
        self._rows = rows = sources.on_one_database(rows)
        self._serializer = serializer
        self.isolation = isolation
        if sources.is_query(rows):
            snapshots.check_isolation(rows.db, isolation)
        try:
            if not serialization.is_row_by_row(serializer):
                raise NoPlace("its serializer represents the list as a whole")
            self.places = Places(rows, view)
        except NoPlace as error:
            self.refusal = str(error)
        if isinstance(rows, QuerySet):
            self.choice = choices.choose(rows, source, self.refusal, isolated=isolation is not None)

    @property
    def _by_place(self) -> bool:
        return self.choice is not None and self.choice.source == "keyset"

    def count(self) -> int | None:
        """Return how many rows there are, or None for rows that cannot say."""
        return sources.count(self._rows)

    def prepare(self, framing: Framing, start: Start | None = None) -> Serialization:
        """Decide how the rows become items, and whether these know their places.

        Errors: ValidationError or Gone for a start that is none in this list.
        """
        places = self.places
        marked = start is not None or framing.has_places
        if places is None:
            if start is not None:
                raise start.refusal(f"This list cannot be continued: {self.refusal}.")
            return serialization.prepare(self._serializer, self._rows)
        if not (marked or self._by_place):
            return serialization.prepare(self._serializer, self._rows)
        wanted = places.rows if start is None else places.after(start)
        prepared = serialization.prepare(self._serializer, wanted, places.names)
        if marked:
            places.mark(prepared, each=framing.identified)
        return prepared

    def blocks(
        self,
        body: Body,
        prepared: Serialization,
        chunk_size: int,
        *,
        marks: int = 0,
        timeout: float | None = None,
    ) -> Started:
        """Start the stream of the rows that are prepared.

        Shape: chunks are no larger than the distance between two marks, which is `marks`.
        Unit: `timeout` is in seconds; None is never.
        """
        rows = prepared.rows
        # A request for many marks is no request for many queries.
        smaller = min(chunk_size, marks) if marks > 1 else chunk_size
        first = min(FIRST if prepared.grade == "columns" else sources.FIRST_CHUNK, smaller)
        chunks = self._chunks(prepared, first, smaller, chunk_size)
        if timeout is not None:
            chunks = sources.within(timeout, chunks)
        items = serialization.items(prepared, chunks)
        if not sources.is_query(rows):
            return Started(blocks(body, items))
        steps = Steps(rows.db, items)
        content = blocks(body, steps, first)
        if self._by_place and self.isolation is None:
            content = snapshots.without(rows.db, content)
        else:
            content = snapshots.within(rows.db, content, timeout, self.isolation)
        return Started(Interruptible(content, steps), short=lambda: body.ended)

    def _chunks(
        self, prepared: Serialization, first: int, chunk_size: int, page_size: int
    ) -> Generator[Any]:
        if self.places is None or not self._by_place:
            return sources.chunks(prepared.rows, chunk_size, first)
        pages = page_size * CHUNKS if prepared.grade == "columns" else page_size
        return keysets.chunks(
            prepared.rows,
            prepared.given,
            self.places.terms,
            prepared.keys,
            (first, chunk_size, pages),
        )
