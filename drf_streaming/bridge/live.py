"""How a stream goes on while nothing happens, and what ends it."""

import random
from dataclasses import dataclass
from typing import Any

# By how much streams that began together end apart.
JITTER = 0.1


class Beat(bytes):
    """What is sent since nothing else was for long."""


@dataclass(frozen=True, slots=True)
class Live:
    """Say how one stream lives.

    Shape: `beat` is sent after `heartbeat` of silence. An `endless` stream is one that ends when
        the server stops. Without `hold_connections` it gives them back while it waits.
    Unit: `heartbeat`, `max_age` and `send_timeout` are in seconds; None is never.
    Errors: ValueError for what is no number of seconds above 0, and for a `hold_connections`
        that is neither True nor False.
    """

    heartbeat: float | None = None
    beat: bytes = b""
    max_age: float | None = None
    send_timeout: float | None = None
    endless: bool = False
    hold_connections: bool = True

    def __post_init__(self) -> None:
        for name in ("heartbeat", "max_age", "send_timeout"):
            if not is_time(value := getattr(self, name)):
                raise ValueError(
                    f"{name} must be a number of seconds above 0, or None; got {value!r}"
                )
        if not isinstance(self.hold_connections, bool):
            raise ValueError(
                f"hold_connections must be True or False, got {self.hold_connections!r}"
            )

    def age(self) -> float | None:
        """Return how old one stream becomes, in seconds; None for no limit."""
        if self.max_age is None:
            return None
        # Clients that came together are not to come back together.
        return self.max_age * random.uniform(1 - JITTER, 1)  # noqa: S311


def is_time(value: Any) -> bool:
    """Tell whether this is a number of seconds above 0, or None."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


LIST = Live()
