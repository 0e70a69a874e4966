"""How much there is to soak: with SOAK=1 as much as is promised, else as much as is quick."""

import os
from typing import TypeVar

T = TypeVar("T")
SOAK = os.environ.get("SOAK") == "1"


def size(promised: T, quick: T) -> T:
    return promised if SOAK else quick


ROWS = size(1_000_000, 60_000)
# How far apart the keys of a flight and its copy are: more than any flight has.
COPY = 1_000_000
