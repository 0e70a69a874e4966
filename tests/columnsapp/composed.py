"""Serializers of any fields, nested in any way."""

from typing import Any

from hypothesis import strategies as st
from rest_framework import serializers

from .models import Maker, Tag, Thing
from .serializers import model_serializer

COLUMNS: dict[Any, list[str]] = {
    Thing: [
        "id",
        "name",
        "real",
        "price",
        "moment",
        "day",
        "uuid",
        "status",
        "data",
        "span",
        "file",
    ],
    Maker: ["id", "name", "motto", "country", "founded"],
    Tag: ["id", "label", "weight"],
}
PATHS: dict[Any, list[str]] = {
    Thing: [
        "maker.name",
        "backup.country",
        "backup.owner.name",
        "parent.maker.founded",
        "parent.parent_id",
        "named.owner_id",
        "detail.size",
        "get_status_display",
        "shout",
    ],
    Maker: ["owner.name", "owner.owner.country", "owner_id"],
    Tag: ["maker.name", "maker.owner.name", "__str__"],
}
ONE: dict[Any, dict[str, Any]] = {
    Thing: {"maker": Maker, "backup": Maker, "named": Maker, "parent": Thing, "loose": Maker},
    Maker: {"owner": Maker},
    Tag: {"maker": Maker},
}
MANY: dict[Any, dict[str, Any]] = {
    Thing: {"tags": Tag, "hidden_tags": Tag, "labelled": Tag, "children": Thing},
    Maker: {"things": Thing, "backups": Thing, "tags": Tag, "owned": Maker},
    Tag: {"things": Thing, "similar": Tag, "below": Tag},
}
WITHOUT_THE_RELATED = [{"allow_null": True}, {"required": False}, {"read_only": True}]


def method(self: Any, row: Any) -> str:
    return f"{row.pk}{self.context['view'].request.method}"


@st.composite
def fields(draw: Any, model: Any, depth: int) -> Any:
    """Return one field of a model that is named otherwise than its source."""
    kinds = ["path", "key", "keys", "slug", "slugs", "text", "method", "whole"]
    kind = draw(st.sampled_from(kinds + ["one", "many"] * 4 if depth else kinds))
    one, many = draw(st.sampled_from([*ONE[model]])), draw(st.sampled_from([*MANY[model]]))
    s = serializers
    match kind:
        case "path":
            option = draw(st.sampled_from(WITHOUT_THE_RELATED))
            return s.CharField(source=draw(st.sampled_from(PATHS[model])), **option)
        case "key":
            return s.PrimaryKeyRelatedField(source=one, read_only=True)
        case "keys":
            return s.PrimaryKeyRelatedField(source=many, read_only=True, many=True)
        case "slug":
            return s.SlugRelatedField("country", source=one, read_only=True)
        case "slugs":
            return s.SlugRelatedField("pk", source=many, read_only=True, many=True)
        case "text":
            return s.StringRelatedField(source=one)
        case "method":
            return s.SerializerMethodField("method")
        case "whole":
            return draw(composed(model, 0))(source="*")
        case "one":
            return draw(composed(ONE[model][one], depth - 1))(source=one)
    return draw(composed(MANY[model][many], depth - 1))(source=many, many=True)


@st.composite
def composed(draw: Any, model: Any, depth: int = 2) -> Any:
    """Return a serializer of some columns of a model and some other fields."""
    columns = draw(st.lists(st.sampled_from(COLUMNS[model]), unique=True, min_size=1, max_size=4))
    others = draw(st.lists(fields(model, depth), max_size=3))
    declared = {f"f{place}": field for place, field in enumerate(others)}
    names = draw(st.permutations([*columns, *declared]))
    hidden = draw(st.sampled_from(names[1:] or [None]))
    return dynamic(model_serializer(model, names, **declared, method=method), hidden)


def dynamic(base: Any, hidden: str | None) -> Any:
    """Return a serializer that shows one field only outside of views."""

    class Dynamic(base):
        def get_fields(self) -> Any:
            found = super().get_fields()
            if "view" in self.context:
                found.pop(hidden, None)
            return found

    return Dynamic
