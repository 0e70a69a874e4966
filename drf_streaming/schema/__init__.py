"""What drf-spectacular says of streams. It needs no more than being imported."""

from drf_streaming.schema.views import StreamingViews

__all__ = ["StreamingViews"]
