"""What every encoder does."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from drf_streaming.framing import Records
from drf_streaming.tables import Table

Items: TypeAlias = Sequence[Any] | Table


class Encoder(Protocol):
    """Turn items into records, in order."""

    def header(self) -> list[bytes]:
        """Return the records that come before the first item, as far as they are known."""

    def records(self, items: Items) -> Records:
        """Return the records of these items."""
