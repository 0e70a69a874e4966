"""Items made to break an event stream, the same for the same seed."""

import random
from collections.abc import Iterator
from typing import Any

from drf_streaming.events import SSEEvent
from whatwg import Message

# Every character that some parser takes for a line end, and what events are made of.
PARTS = [
    *"\r\n\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\0: \t\ufeffü😀\ud7ff",
    "\r\n",
    "\n\n",
    "\r\r",
    "data: forged\n\n",
    "\nevent: forged",
    "\nid: forged",
    "retry: 1\n",
    ":",
    "x" * 5000,
]


def text(rng: random.Random) -> str:
    return "".join(rng.choices(PARTS, k=rng.randrange(8)))


def line(rng: random.Random) -> str:
    return text(rng).replace("\r", "").replace("\n", "").replace("\0", "")


def items(seed: int, count: int) -> Iterator[tuple[Any, str, str, str | None]]:
    """Yield items, each with the data, the type and the id that its event is to have."""
    rng = random.Random(seed)
    for _ in range(count):
        data, event, id = text(rng), line(rng) or "e", line(rng)
        yield rng.choice(
            [
                (data, data, "message", None),
                ((event, data), data, event, None),
                ((event, data, id), data, event, id),
                ({"data": data, "event": event, "id": id, "retry": 5}, data, event, id),
                (SSEEvent(data, event, id, comment=text(rng)), data, event, id),
                (SSEEvent(data, comment=text(rng)), data, "message", None),
            ]
        )


def expected(seed: int, count: int) -> list[Message]:
    """Return what a client is to make of these items."""
    messages, last_id = [], ""
    for _, data, event, id in items(seed, count):
        last_id = last_id if id is None else id
        # Every line end reaches the client as LF.
        lines = data.replace("\r\n", "\n").replace("\r", "\n")
        messages.append(Message(lines, event, last_id))
    return messages
