"""Serializers made of what a test says."""

from typing import Any

from rest_framework import serializers


def model_serializer(of: Any, names: Any = "__all__", /, **declared: Any) -> Any:
    """Return a ModelSerializer of these fields, in order."""
    depth = declared.pop("depth", 0)
    meta = type("Meta", (), {"model": of, "fields": names, "depth": depth})
    return type(
        f"{of.__name__}Serializer", (serializers.ModelSerializer,), {**declared, "Meta": meta}
    )


def plain(**declared: Any) -> Any:
    """Return a Serializer of these fields."""
    return type("PlainSerializer", (serializers.Serializer,), declared)
