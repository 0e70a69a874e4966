"""Serializers as plans over columns: the same items as DRF's, without a call for each value."""
