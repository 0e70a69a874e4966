from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.utils.translation import gettext_lazy

from drf_streaming.columns.converters import (
    AS_THEY_ARE,
    REMEMBERED,
    Remembered,
    calling,
    displaying,
)
from drf_streaming.tables import values

CHOICES = [(1, "One"), ("group", [("a", gettext_lazy("January")), ("b", "")]), (None, "nothing")]
DECIMALS = [(Decimal("1.5"), "one and a half"), (True, "yes")]


@pytest.mark.parametrize(
    ("choices", "column"),
    [
        (CHOICES, [1, "a", "b", None, "other", 2]),
        (CHOICES, [1.0, "a", True]),
        (DECIMALS, [Decimal("1.5"), Decimal("1.50"), Decimal(2), None]),
        (CHOICES, [[1], {"a": 1}]),
    ],
)
def test_labels_are_those_of_django(choices: Any, column: list[Any]):
    field = models.CharField(choices=choices)
    field.attname = "value"

    def display(value: Any) -> Any:
        row = type("Row", (), {"value": value})()
        return models.Model._get_FIELD_display(row, field)  # type: ignore[attr-defined]

    labels = values(displaying(AS_THEY_ARE, field)(column))
    assert [*labels] == [display(value) for value in column]


def test_functions_in_a_column_are_called():
    column = values(calling(AS_THEY_ARE)([lambda: 1, 2, None, lambda: None]))
    assert [*column] == [1, 2, None, None]


def test_so_many_values_are_remembered():
    asked = []
    remembered = Remembered(lambda value: asked.append(value) or -value)
    for _ in range(2):
        assert [remembered[value] for value in range(REMEMBERED + 1)][-1] == -REMEMBERED
    assert asked == [*range(REMEMBERED + 1), REMEMBERED]
