from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.signing import Signer
from django.db import models
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from drf_streaming.tokens import InvalidToken, Tokens


def token(values: list[Any], binding: str = "list") -> str:
    return Tokens(binding).make(values).decode()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (2**63 - 1, models.BigIntegerField()),
        ("é\x00\u2028:", models.TextField()),
        (1 / 3, models.FloatField()),
        (Decimal("1.50"), models.DecimalField()),
        (True, models.BooleanField()),
        (datetime(2013, 1, 1, 5, 15, 0, 1, tzinfo=UTC), models.DateTimeField()),
        (datetime(2013, 1, 1, 5, 15, 0, 1), models.DateTimeField()),
        (date(2013, 1, 1), models.DateField()),
        (time(5, 15, 0, 1), models.TimeField()),
        (timedelta(days=-3, microseconds=1), models.DurationField()),
        (timedelta(days=3, hours=5), models.DurationField()),
        (UUID(int=5), models.UUIDField()),
    ],
    ids=repr,
)
def test_values_of_a_field_come_back_exactly(value: Any, field: Any):
    with override_settings(USE_TZ=False):
        (found,) = Tokens("list").read(token([value]))
        assert field.to_python(found) == value
        assert type(field.to_python(found)) is type(value)


@given(st.lists(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()))
def test_a_token_is_one_word_without_line_ends(values: list[Any]):
    made = token(values)
    assert Tokens("list").read(made) == values
    assert made.isascii()
    assert made.split() == [made]


def test_a_token_is_signed_as_django_signs():
    made = token([1, "a"])
    payload, _, _ = made.partition(":")
    with override_settings(SECRET_KEY="other"):
        assert token([1, "a"]) != made
    signer = Signer(salt=Tokens("list")._signer.salt)
    assert signer.sign(payload) == made


@pytest.mark.parametrize("spoil", [lambda t: t[1:], lambda t: t[:-1], lambda t: t + "a", str.upper])
def test_a_changed_token_is_refused(spoil: Any):
    with pytest.raises(InvalidToken):
        Tokens("list").read(spoil(token([499])))


@pytest.mark.parametrize("text", ["", ":", "a", "W10:", "\x00", "é:é", "~end"])
def test_what_is_no_token_is_refused(text: str):
    with pytest.raises(InvalidToken):
        Tokens("list").read(text)


def test_a_token_is_for_one_list_only():
    with pytest.raises(InvalidToken):
        Tokens("another list").read(token([1]))


def test_a_token_outlives_a_change_of_the_secret_key():
    made, key = token([1]), settings.SECRET_KEY
    with override_settings(SECRET_KEY="new"), pytest.raises(InvalidToken):
        Tokens("list").read(made)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[key]):
        assert Tokens("list").read(made) == [1]


def test_a_secret_key_may_be_bytes():
    with override_settings(SECRET_KEY=b"bytes"):
        assert Tokens("list").read(token([1])) == [1]
