"""Responses that nobody gets: under ASGI, a client may leave before the view has made one."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync
from django.core.signals import request_finished

_unsent: "WeakKeyDictionary[Any, list[Callable[[], None]]]" = WeakKeyDictionary()


def close_at_the_end(close: Callable[[], None]) -> None:
    """Have this called at the end of the request, in its thread, whatever becomes of its response.

    Django's handler lets go of a view whose client leaves. The view's thread goes on, and closes
    nothing of what it then returns.
    """
    if context := SyncToAsync.thread_sensitive_context.get(None):
        _unsent.setdefault(context, []).append(close)


def _close(**_: object) -> None:
    if context := SyncToAsync.thread_sensitive_context.get(None):
        for close in _unsent.pop(context, ()):
            close()


request_finished.connect(_close, dispatch_uid="drf_streaming.bridge.unsent")
