"""Where drf-spectacular learns of streams, whatever a project has said of its views."""

import inspect
from abc import ABC
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension

from drf_streaming.mixins import StreamingListMixin
from drf_streaming.schema.events import OfEvents, stream_in, stream_of
from drf_streaming.schema.lists import OfList, renderers_of
from drf_streaming.schema.operations import OfViews


class Streaming(ABC):  # noqa: B024
    """Be the base of every view of which something may stream."""

    @classmethod
    def __subclasshook__(cls, view: type) -> bool:
        """Tell whether a class has the mixin, or a method that is an event stream."""
        methods = (method for base in view.__mro__ for method in vars(base).values())
        return issubclass(view, StreamingListMixin) or any(map(stream_in, methods))


class StreamingViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Give drf-spectacular another description of views that stream."""

    target_class = Streaming
    match_subclasses = True
    # What a project says of a view of its own comes first.
    priority = -1

    def view_replacement(self) -> Any:
        """Return the view with a `schema` that knows of the streams."""
        return _replaced(self.target)


@cache
def _replaced(view: type) -> type:
    # One for all operations of a view: drf-spectacular counts the classes.
    names = {
        "__doc__": view.__doc__,
        "__module__": view.__module__,
        "__qualname__": view.__qualname__,
        "schema": _ToldOfStreams(view),
    }
    return type(view.__name__, (view,), names)


class _ToldOfStreams:
    """Be the `schema` of a view: the one that it has, and where it streams, what that lacks.

    Shape: whatever sets the schema of a view goes through this descriptor: an attribute,
        `DEFAULT_SCHEMA_CLASS`, `@extend_schema`.
    """

    def __init__(self, view_class: type) -> None:
        self._view_class = view_class

    @property
    def _ordinary(self) -> Any:
        return inspect.getattr_static(self._view_class, "schema")

    def __get__(self, view: Any, owner: Any = None) -> Any:
        schema = self._ordinary.__get__(view, owner)
        if view is None:
            return schema
        addition = _addition(view)
        # It may be a proxy, and its class may want arguments.
        ordinary = schema.__class__
        told: Any = object.__new__(type(ordinary.__name__, (addition, ordinary), {}))
        vars(told).update(vars(schema))
        return told

    def __set__(self, view: Any, schema: Any) -> None:
        self._ordinary.__set__(view, schema)


def _addition(view: Any) -> type:
    """Return what the description of the current operation of a view lacks."""
    if stream_of(view) is not None:
        return OfEvents
    return OfList if renderers_of(view) else OfViews
