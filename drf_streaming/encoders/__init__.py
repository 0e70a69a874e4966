"""Items to records: JSON as DRF writes it, CSV rows, server-sent events."""

from drf_streaming.encoders.csv import CSVRecords, Path
from drf_streaming.encoders.events import EventRecords
from drf_streaming.encoders.json import JSONRecords
from drf_streaming.encoders.protocol import Encoder, Items

__all__ = ["CSVRecords", "Encoder", "EventRecords", "Items", "JSONRecords", "Path"]
