"""Hyperlinks that differ in one key only: resolved once for a stream, not once for a row."""

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.urls import Resolver404, get_script_prefix, resolve
from rest_framework.relations import HyperlinkedRelatedField, PKOnlyObject
from rest_framework.reverse import reverse

from drf_streaming.columns.converters import Converter, Fast, Remembered
from drf_streaming.columns.fields import is_own
from drf_streaming.tables import Native, Plain, Values

# Two of each class that no route tells apart which takes them all.
_PROBES: dict[type, tuple[Any, Any]] = {
    int: (7, 1234567890123),
    UUID: (UUID(int=1), UUID(int=2**128 - 1)),
}
# What a route says of a key of which it takes every value.
_OF_ANY_KEY = ("<{}>", "<str:{}>", "<slug:{}>", "(?P<{}>[^/.]+)", "(?P<{}>[^/]+)")
_OF_CLASS = {
    int: ("<int:{}>", r"(?P<{}>\d+)", "(?P<{}>[0-9]+)"),
    UUID: ("<uuid:{}>",),
}


def is_plain(field: HyperlinkedRelatedField[Any]) -> bool:
    """Tell whether DRF alone makes this field's links, of nothing but the primary key."""
    return (
        field.lookup_field == "pk"
        and field.reverse is reverse
        and is_own(field, "to_representation", "get_url", "use_pk_only_optimization")
    )


def links(field: HyperlinkedRelatedField[Any]) -> Converter:
    """Return how primary keys become the links of this field."""
    templates: dict[type, tuple[str, str] | None] = {}

    def represent(key: Any) -> Any:
        return field.to_representation(PKOnlyObject(pk=key))

    # Keys that a URL has to quote; a row refers to the same few again and again.
    made = Remembered(represent)

    def column(keys: Sequence[Any]) -> Plain | None:
        kinds = {*map(type, keys)} - {NoneType}
        if kinds == {str}:
            return Values([*map(made.__getitem__, keys)])
        if len(kinds) != 1 or (kind := kinds.pop()) not in _PROBES:
            return None
        if kind is int and min(key for key in keys if key is not None) < 0:
            return None
        if kind not in templates:
            templates[kind] = _template(field, kind, represent)
        if (template := templates[kind]) is None:
            return None
        before, after = template
        return Native([None if key is None else f"{before}{key}{after}" for key in keys])

    return Converter(represent, Fast(None, column, "one link for all, but for the key"))


def _template(
    field: HyperlinkedRelatedField[Any], kind: type, represent: Callable[[Any], Any]
) -> tuple[str, str] | None:
    """Return what stands before and after the key in each link, if that is so."""
    found = set()
    for probe in _PROBES[kind]:
        try:
            url = represent(probe)
        except ImproperlyConfigured:
            return None
        parts = str(url).split(str(probe))
        if len(parts) != 2 or not _takes_every(field.lookup_url_kwarg, kind, url):
            return None
        found.add((parts[0], parts[1]))
    return found.pop() if len(found) == 1 else None


def _takes_every(name: str, kind: type, url: str) -> bool:
    """Tell whether the route of this link takes every key of a class."""
    path = "/" + urlsplit(url).path.removeprefix(get_script_prefix())
    try:
        route = resolve(path).route
    except Resolver404:
        return False
    return any(part.format(name) in route for part in (*_OF_ANY_KEY, *_OF_CLASS[kind]))
