"""The event stream parser of the WHATWG standard, written from its text and nothing else.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """What a page's listener gets."""

    data: str
    type: str = "message"
    last_event_id: str = ""


@dataclass
class EventSource:
    messages: list[Message] = field(default_factory=list)
    reconnection_time: int | None = None
    last_event_id: str = ""


def parse(stream: bytes) -> EventSource:
    source = EventSource()
    # "UTF-8 decode" takes a byte order mark away.
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    # What follows the last line end is a line that has not ended.
    *lines, _ = re.split("\r\n|\n|\r", text)
    data = event_type = last_event_id = ""
    for line in lines:
        if line == "":
            source.last_event_id = last_event_id
            if data:
                message = Message(data.removesuffix("\n"), event_type or "message", last_event_id)
                source.messages.append(message)
            data = event_type = ""
            continue
        if line.startswith(":"):
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event_type = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_event_id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            source.reconnection_time = int(value)
    return source
