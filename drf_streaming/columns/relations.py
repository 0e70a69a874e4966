"""The relations that fields read, so that no row has to ask for them by itself."""

from typing import Any

from django.db.models import Prefetch, QuerySet

from drf_streaming.columns.models import Path


class Relations:
    """Remember relations, and what the project wants of them.

    Shape: those that are met are fetched with the rows: by a join, or by a query for each chunk.
    """

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self._queryset = queryset
        self._given = _given(queryset)
        self._joins: set[str] = set()
        self._prefetches: set[str] = set()

    def meet(self, path: Path, *, join: bool = False) -> None:
        """Remember a relation that some field reads."""
        # What belongs to objects that are prefetched is prefetched too.
        before = "__".join(path[:-1])
        join = join and (not before or before in self._joins)
        (self._joins if join else self._prefetches).add("__".join(path))

    def given(self, path: Path) -> QuerySet[Any] | None:
        """Return the queryset that the project wants for a relation."""
        return self._given.get("__".join(path))

    def add_given(self, path: Path, queryset: QuerySet[Any]) -> None:
        """Remember what the queryset of a relation prefetches itself."""
        for inner, found in _given(queryset).items():
            self._given.setdefault("__".join((*path, inner)), found)

    def fetched(self) -> QuerySet[Any]:
        """Return the queryset with all relations that were met."""
        queryset, joins, prefetches = self._queryset, self._joins, self._prefetches
        query = queryset.query
        if (
            query.select_related is True
            or query.deferred_loading[0]
            or query.distinct
            or query.group_by
            or query.select_for_update
        ):
            prefetches = prefetches | joins
        elif joins:
            queryset = queryset.select_related(*sorted(joins))
        present = {
            getattr(lookup, "prefetch_to", lookup)
            for lookup in queryset._prefetch_related_lookups  # type: ignore[attr-defined]
        }
        return queryset.prefetch_related(*sorted(prefetches - present))


def _given(queryset: QuerySet[Any]) -> dict[str, QuerySet[Any]]:
    """Return the querysets that the project prefetches relations with, by their paths."""
    return {
        lookup.prefetch_to: lookup.queryset
        for lookup in queryset._prefetch_related_lookups  # type: ignore[attr-defined]
        if isinstance(lookup, Prefetch) and lookup.queryset is not None
    }
