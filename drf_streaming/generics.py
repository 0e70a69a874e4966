"""Generic views whose list streams."""

from typing import Any

from rest_framework.generics import ListAPIView

from drf_streaming.mixins import StreamingListMixin


class StreamingListAPIView(StreamingListMixin, ListAPIView[Any]):
    """List a queryset, or stream it."""
