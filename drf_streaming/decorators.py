"""`@sse_stream`: live events from a function, behind DRF's authentication and permissions."""

import json
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeAlias, TypedDict, Unpack, overload

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponseBase

from drf_streaming.event_streams import EventStream
from drf_streaming.events import MESSAGE, SSEEvent
from drf_streaming.framing import SSE_RETRY
from drf_streaming.responses import AS_SET, SSEResponse
from drf_streaming.settings import DEFAULTS

P = ParamSpec("P")
Given = Iterable[Any] | AsyncIterable[Any] | HttpResponseBase
Source: TypeAlias = Callable[P, Given | Awaitable[Given]]
Answer: TypeAlias = Callable[P, HttpResponseBase]


class _Options(TypedDict, total=False):
    """What `sse_stream` takes besides the function."""

    authentication_classes: Sequence[Any] | None
    permission_classes: Sequence[Any] | None
    throttle_classes: Sequence[Any] | None
    item: Any
    events: Mapping[str, Any] | None
    encoder: type[json.JSONEncoder]
    retry: int | None
    heartbeat: float | None
    max_age: float | None
    send_timeout: float | None
    hold_connections: bool


@overload
def sse_stream(source: Source[P], /, **options: Unpack[_Options]) -> Answer[P]: ...


@overload
def sse_stream(
    source: None = None, /, **options: Unpack[_Options]
) -> Callable[[Source[P]], Answer[P]]: ...


def sse_stream(
    source: Any = None,
    /,
    *,
    authentication_classes: Sequence[Any] | None = None,
    permission_classes: Sequence[Any] | None = None,
    throttle_classes: Sequence[Any] | None = None,
    encoder: type[json.JSONEncoder] = DjangoJSONEncoder,
    retry: int | None = SSE_RETRY,
    heartbeat: float | None = AS_SET,
    max_age: float | None = AS_SET,
    send_timeout: float | None = AS_SET,
    hold_connections: bool = AS_SET,
    item: Any = None,
    events: Mapping[str, Any] | None = None,
) -> Any:
    """Make a view of a function, or a method of a view, that gives events.

    Shape: the function is a sync or async generator, or returns an iterable, sync or async, or a
        response, which is sent as it is. Items and options are those of `SSEResponse`. Without
        them, authentication, permissions and throttles are those of the view, or DRF's defaults.
        `item` tells the OpenAPI schema what events without a name hold, `events` what those hold
        that have one: serializers or types.
    Errors: TypeError for what is no function or gives no iterable; TypeError and ValueError for
        wrong options.
    """
    options = {
        "encoder": encoder,
        "retry": retry,
        "heartbeat": heartbeat,
        "max_age": max_age,
        "send_timeout": send_timeout,
        "hold_connections": hold_connections,
    }
    policies = {
        "authentication_classes": authentication_classes,
        "permission_classes": permission_classes,
        "throttle_classes": throttle_classes,
    }
    given = {name: classes for name, classes in policies.items() if classes is not None}
    _check(options, given)
    told = _told(item, events)
    decorate = partial(EventStream, options=options, policies=given, told=told)
    return decorate if source is None else decorate(source)


def _check(options: dict[str, Any], policies: dict[str, Any]) -> None:
    """Refuse what is wrong where it is written, whatever the settings are by now."""
    set_later = {name: DEFAULTS[name.upper()] for name in options if options[name] is AS_SET}
    SSEResponse((), **options | set_later)
    for name, classes in policies.items():
        if not (isinstance(classes, list | tuple) and all(map(callable, classes))):
            raise TypeError(f"{name} must be a list of classes, got {classes!r}")


def _told(item: Any, events: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what events hold by their names; one without a name is a "message" to clients."""
    if not isinstance(events, Mapping | None):
        raise TypeError(f"events must be a dict of what each event holds, got {events!r}")
    for name in events or ():
        SSEEvent(None, name)
    return {**({} if item is None else {MESSAGE: item}), **(events or {})}
