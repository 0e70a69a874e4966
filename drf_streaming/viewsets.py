"""Viewsets whose list streams."""

from typing import Any

from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from drf_streaming.mixins import StreamingListMixin


class StreamingReadOnlyModelViewSet(StreamingListMixin, ReadOnlyModelViewSet[Any]):
    """List or stream a queryset, and retrieve single objects."""


class StreamingModelViewSet(StreamingListMixin, ModelViewSet[Any]):
    """List or stream a queryset, and create, retrieve, change and delete single objects."""
