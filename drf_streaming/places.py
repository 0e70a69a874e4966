"""Places in a list: what comes after one, and the tokens of those that a stream passes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import Any, cast

from django.db.models import QuerySet

from drf_streaming import keysets, ordering, settings
from drf_streaming.columns.plan import Join, Plan, Read
from drf_streaming.comparing import NoPlace, target
from drf_streaming.exceptions import Gone
from drf_streaming.ordering import Terms
from drf_streaming.parameters import LAST_EVENT_ID_PARAMETER, PARAMETERS, Start
from drf_streaming.serialization import Items, Serialization
from drf_streaming.tables import Placed
from drf_streaming.tokens import InvalidToken, Tokens


class Places:
    """The places of the rows of one list.

    Shape: `names` are the keys by which rows tell their places.
    Errors: NoPlace for rows that have none.
    """

    def __init__(self, rows: Any, view: Any) -> None:
        if not isinstance(rows, QuerySet):
            raise NoPlace("its rows are no queryset")
        self.terms: Terms = ordering.terms(rows)
        self._rows = rows
        self._view = view
        self.names = tuple(term.name for term in self.terms)

    @cached_property
    def rows(self) -> "QuerySet[Any]":
        """The rows in exactly this order."""
        return keysets.ordered(self._rows, self.terms)

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens("\n".join(_binding(self._view, self.terms)))

    def after(self, start: Start) -> "QuerySet[Any]":
        """Return the rows that come after a place.

        Errors: ValidationError for a token that is not of this list, Gone for one of a row that
            is no longer in it.
        """
        try:
            values = self._tokens.read(start.token)
        except InvalidToken:
            raise start.refusal(
                "This is no place in this list. A place can only be continued from at the same "
                "URL, with the same filters and ordering."
            ) from None
        if len(values) < len(self.terms):
            return self._after_key(values)
        return keysets.after(self.rows, self.terms, self._parsed(self.terms, values))

    def _after_key(self, values: list[Any]) -> "QuerySet[Any]":
        keys = self._keys()
        found = {
            term.name: value for term, value in zip(keys, self._parsed(keys, values), strict=True)
        }
        place = self.rows.filter(**found).values_list(*self.names).first()
        if place is None:
            raise Gone
        return keysets.after(self.rows, self.terms, place)

    def _keys(self) -> Terms:
        keys = {field.attname for field in self.rows.model._meta.pk_fields}
        return tuple(term for term in self.terms if term.path in keys)

    def _parsed(self, terms: Terms, values: list[Any]) -> list[Any]:
        return [
            None if value is None else target(term.field).to_python(value)
            for term, value in zip(terms, values, strict=True)
        ]

    def mark(self, prepared: Serialization, *, each: bool) -> None:
        """Let the serialization give the place of each item, or of the last of each chunk."""
        chunk, keys = prepared.chunk, prepared.keys
        # Most streams of lines end without having told a place.
        maker = cache(partial(self._maker, prepared.plan))

        def token(values: tuple[Any, ...]) -> bytes:
            return maker()(values)

        def placed(rows: list[Any]) -> Placed:
            # Before the project's fields can change the objects.
            found = keys(rows if each else rows[-1:])
            return Placed(cast("Items", chunk(rows)), found, token)

        prepared.chunk = placed

    def _maker(self, plan: Plan | None) -> Callable[[Sequence[Any]], bytes]:
        """Return what makes tokens of the values of the terms."""
        make = self._tokens.make
        hidden = {term.path for term in self.terms} - {*_shown(plan)}
        if not hidden - {term.path for term in self._keys()}:
            return make
        # The order tells more than the items do: only the key is given away.
        own = [self.names.index(term.name) for term in self._keys()]
        return lambda values: make([values[place] for place in own])


def _shown(plan: Plan | None, prefix: str = "") -> Iterator[str]:
    """Yield the paths of the columns of which items show the values."""
    for entry in plan.entries if plan else ():
        match entry.source:
            case Read(path, convert) if convert.shows_value:
                yield prefix + "__".join(path)
            case Join(name, plan=inner):
                yield from _shown(inner, f"{prefix}{name}__" if name else prefix)


def _binding(view: Any, terms: Terms) -> Iterator[str]:
    """Yield what makes a list this list: the view, its filters and its order."""
    owner = type(view)
    yield f"{owner.__module__}.{owner.__qualname__}.{getattr(view, 'action', None)}"
    kwargs: Mapping[str, Any] = view.kwargs
    yield from sorted(f"{name}={value}" for name, value in kwargs.items() if name != "format")
    request = view.request
    ours = {
        LAST_EVENT_ID_PARAMETER,
        *map(settings.get, PARAMETERS),
        view.settings.URL_FORMAT_OVERRIDE,
    }
    for name, values in sorted(request.query_params.lists()):
        if name not in ours:
            yield f"{name}={values!r}"
    yield from map(str, terms)
