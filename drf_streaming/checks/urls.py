"""The views in the URLconf, as far as DRF's `as_view()` tells of them."""

from collections.abc import Iterator, Sequence

from django.conf import settings as django_settings
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from drf_streaming.mixins import StreamingListMixin


def streaming_views() -> Iterator[type[StreamingListMixin]]:
    """Yield the class of each view that has the mixin once."""
    return (view for view in url_views() if issubclass(view, StreamingListMixin))


def url_views() -> Iterator[type]:
    """Yield the class of each view once."""
    if getattr(django_settings, "ROOT_URLCONF", None):
        yield from dict.fromkeys(_views(get_resolver().url_patterns))


def _views(patterns: Sequence[URLPattern | URLResolver]) -> Iterator[type]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
            continue
        view = getattr(pattern.callback, "cls", None)
        if isinstance(view, type):
            yield view
