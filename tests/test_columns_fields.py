"""A converter gives what the field's own to_representation() gives, value by value."""

import decimal
import enum
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import models
from django.test import override_settings
from django.utils import timezone as current
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from columnsapp.compare import written
from drf_streaming.columns.converters import REMEMBERED
from drf_streaming.columns.fields import converter
from drf_streaming.encoders import JSONRecords
from drf_streaming.tables import Plain, Table, values

NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
ZONES = [UTC, ZoneInfo("UTC"), NEW_YORK, LONDON, ZoneInfo("Asia/Kathmandu")]

# Both since DRF 3.17.
BigInteger: Any = getattr(serializers, "BigIntegerField", None)
DURATION_OPTIONS = {"format": st.sampled_from([None, "iso-8601", "django"])} if BigInteger else {}


class Text(str):
    """Text that says of itself something else."""

    def __str__(self) -> str:
        return f"<{super().__str__()}>"


class Colour(enum.StrEnum):
    RED = "red"


class Size(models.IntegerChoices):
    SMALL = 1, "Small"


class Shade(models.TextChoices):
    DARK = "dark", "Dark"


class Bare(enum.Enum):
    ONE = 1
    TEXT = "text"


class Moment(datetime):
    """A moment of a class of its own."""


def bound(field: Any) -> Any:
    """Return the field as a serializer has it."""
    return type("S", (serializers.Serializer,), {"f": field})(context={}).fields["f"]


def outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return type(error), str(error)


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal and of the same class, NaN among them."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float | Decimal) and left != left:
        return type(left) is type(right) and repr(left) == repr(right)
    return type(left) is type(right) and left == right and repr(left) == repr(right)


def by_field(field: Any, column: Sequence[Any]) -> list[Any]:
    return [None if value is None else field.to_representation(value) for value in column]


def encoded(found: list[Any]) -> bytes:
    return b"\n".join(JSONRenderer().render({"f": value}) for value in found)


def check(field: Any, column: Sequence[Any]) -> None:
    """Compare what the values become, and how they are written."""
    field = bound(field)
    expected = outcome(lambda: by_field(field, column))
    made = outcome(lambda: converter(field)(column))
    if not isinstance(made, Plain):
        assert made == expected
        return
    actual = [*values(made)]
    drf = outcome(lambda: [json.dumps(value, cls=JSONEncoder) for value in expected])
    ours = outcome(lambda: [json.dumps(value, cls=JSONEncoder) for value in actual])
    assert ours == drf
    records = outcome(lambda: bytes(JSONRecords(JSONEncoder).records(table(made, len(column)))))
    wanted = outcome(lambda: encoded(expected))
    if isinstance(wanted, bytes):
        assert isinstance(records, bytes), records
        assert written(records.rstrip(b"\n")) == written(wanted)
    else:
        # Of several values that cannot be written, either may be the first.
        assert isinstance(records, tuple)
        assert records[0] is wanted[0] or len(column) > 1


def table(column: Plain, rows: int) -> Table:
    return Table(("f",), [column], rows)


aware = st.datetimes(timezones=st.sampled_from([*ZONES, timezone(timedelta(hours=-3, minutes=-7))]))
naive = st.datetimes()
moments = (
    naive
    | aware
    | st.sampled_from([datetime.min, datetime.max])
    | st.sampled_from([datetime.min, datetime.max]).map(lambda moment: moment.replace(tzinfo=UTC))
)
decimals = (
    st.decimals()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.sampled_from(
        [
            Decimal(text)
            for text in ("1.23E+5", "1.2E+3", "1.5E-7", "-0.00", "0E-10", "1E+30", "0E+3", "sNaN")
        ]
    )
)
texts = st.text() | st.text(alphabet='\x00\x1f\x7f\x85\u2028\u2029"\\/\ud800é😀')
anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | decimals
    | texts
    | texts.map(Text)
    | st.text().map(mark_safe)
    | st.just(lazystr("lazy"))
    | st.sampled_from([*Colour, *Size, *Shade, *Bare])
    | moments
    | moments.map(lambda moment: Moment(*moment.timetuple()[:6]))
    | st.dates()
    | st.times()
    | st.times(timezones=st.just(UTC))
    | st.timedeltas()
    | st.uuids()
    | st.binary(max_size=3)
    | st.ip_addresses()
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers() | st.floats(), max_size=3)
    | st.just(object())
)


def columns(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Yield columns of values of the right class, of those and None, or of anything."""
    right = st.lists(of, min_size=1, max_size=5)
    return (
        right
        | st.lists(of | st.none(), max_size=5)
        | st.lists(of | anything, max_size=5)
        | st.lists(anything, max_size=3)
    )


optional = st.none() | st.booleans()


def options(**strategies: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Yield some of these options."""
    return st.fixed_dictionaries({}, optional=strategies)


def given_fields(make: Any, of: st.SearchStrategy[Any], **strategies: Any) -> Any:
    fields = options(**strategies).map(lambda chosen: partial(make, **chosen))
    return given(fields, columns(of))


class TestText:
    @given(
        st.sampled_from(
            [
                serializers.CharField,
                partial(serializers.CharField, allow_blank=True, trim_whitespace=False),
                serializers.EmailField,
                partial(serializers.RegexField, "a"),
                serializers.SlugField,
                serializers.URLField,
                serializers.IPAddressField,
                serializers.StringRelatedField,
            ]
        ),
        columns(texts),
    )
    def test_text(self, field: Any, column: Any):
        check(field(), column)

    @given_fields(
        serializers.UUIDField,
        st.uuids(),
        format=st.sampled_from(["hex_verbose", "hex", "int", "urn"]),
    )
    def test_uuids(self, field: Any, column: Any):
        check(field(), column)


class TestNumbers:
    @given_fields(serializers.BooleanField, st.booleans(), allow_null=st.booleans())
    def test_booleans(self, field: Any, column: Any):
        check(field(), column)

    @given_fields(serializers.IntegerField, st.integers(), max_value=st.integers())
    def test_whole_numbers(self, field: Any, column: Any):
        check(field(), column)

    @pytest.mark.skipif(BigInteger is None, reason="DRF has this field since 3.17")
    @given_fields(BigInteger, st.integers(), coerce_to_string=optional)
    def test_big_whole_numbers(self, field: Any, column: Any):
        check(field(), column)

    @given_fields(serializers.FloatField, st.floats())
    @example(serializers.FloatField, [math.nan])
    @example(serializers.FloatField, [1.0, -math.inf])
    def test_floats(self, field: Any, column: Any):
        check(field(), column)

    @settings(max_examples=400)
    @given_fields(
        partial(serializers.DecimalField),
        decimals,
        max_digits=st.none() | st.integers(1, 30),
        decimal_places=st.none() | st.integers(0, 8),
        coerce_to_string=optional,
        localize=st.booleans(),
        rounding=st.sampled_from([None, decimal.ROUND_DOWN, decimal.ROUND_UP]),
        normalize_output=st.booleans(),
    )
    def test_decimals(self, field: Any, column: Any):
        keywords = {"max_digits": 10, "decimal_places": 2, **field.keywords}
        check(serializers.DecimalField(**keywords), column)

    @pytest.mark.parametrize(
        ("text", "places"),
        [("1.23E+5", 5), ("1.2E+3", 4), ("1.5E-7", 4), ("1.25E+10", 6), ("-1.2E+3", 4)],
    )
    def test_decimals_with_an_exponent(self, text: str, places: int):
        check(serializers.DecimalField(20, places), [Decimal(text)])

    @given(columns(decimals), st.booleans(), st.sampled_from(["en", "de", "fr"]))
    def test_localized_decimals(self, column: Any, separators: bool, language: str):
        with (
            override_settings(USE_THOUSAND_SEPARATOR=separators),
            translation.override(language),
        ):
            check(serializers.DecimalField(12, 2, localize=True), column)

    def test_decimals_in_a_context_of_few_digits(self):
        field = bound(serializers.DecimalField(None, 2))
        convert = converter(field)
        column = [Decimal("12345.67")]
        with decimal.localcontext(prec=3):
            actual = outcome(lambda: [*values(convert(column))])
            assert actual == outcome(lambda: by_field(field, column))


formats = st.sampled_from([None, "iso-8601", "ISO-8601", "%Y", "%d.%m.%y %H:%M", ""])


class TestTimes:
    @settings(max_examples=300)
    @given(
        options(format=formats, default_timezone=st.sampled_from(ZONES)),
        st.sampled_from(ZONES),
        st.booleans(),
        columns(moments) | columns(aware) | columns(naive),
    )
    @example({}, NEW_YORK, True, [datetime.min.replace(tzinfo=UTC), None])
    @example({}, ZoneInfo("Asia/Kathmandu"), True, [datetime.max.replace(tzinfo=UTC)])
    @example({}, NEW_YORK, True, [datetime(2024, 3, 10, 2, 30)])
    @example({}, NEW_YORK, True, [datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK)])
    @example({}, LONDON, True, [datetime(1800, 1, 1, tzinfo=UTC)])
    def test_moments(self, chosen: Any, zone: tzinfo, use_tz: bool, column: Any):
        with override_settings(USE_TZ=use_tz), current.override(zone):
            check(serializers.DateTimeField(**chosen), column)

    @pytest.mark.parametrize("kind", [serializers.DateField, serializers.TimeField])
    @given(options(format=formats), columns(st.dates()) | columns(st.times()))
    def test_dates_and_times(self, kind: Any, chosen: Any, column: Any):
        check(kind(**chosen), column)

    @given(
        options(**DURATION_OPTIONS),
        columns(st.timedeltas()),
    )
    def test_durations(self, chosen: Any, column: Any):
        check(serializers.DurationField(**chosen), column)

    @pytest.mark.parametrize("format", [None, "iso-8601", "%Y"])
    @given(column=columns(moments))
    @settings(max_examples=30)
    def test_the_format_of_the_settings(self, format: Any, column: Any):
        names = ("DATETIME_FORMAT", "DATE_FORMAT", "TIME_FORMAT")
        with override_settings(REST_FRAMEWORK=dict.fromkeys(names, format)):
            check(serializers.DateTimeField(), column)
            check(
                serializers.DateField(),
                [
                    value and value.date()
                    for value in column
                    if not value or isinstance(value, datetime)
                ],
            )
            check(
                serializers.TimeField(),
                [
                    value and value.time()
                    for value in column
                    if not value or isinstance(value, datetime)
                ],
            )


choices = st.sampled_from(
    [
        [("a", "A"), ("b", "B")],
        [(1, "One"), (2, "Two")],
        [(1, "One"), ("1", "Text one")],
        [("", "None"), (None, "Null"), (True, "Yes")],
        Shade.choices,
        Size.choices,
        [(Colour.RED, "Red"), (Bare.ONE, "One"), (Bare.TEXT, "Text")],
        [("Group", [("a", "A"), (1.5, "B")])],
    ]
)
chosen_values = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "",
        "1",
        1,
        2,
        "None",
        "True",
        True,
        1.5,
        "red",
        "dark",
        *Shade,
        *Size,
        *Bare,
        *Colour,
    ]
)


class TestChoices:
    @given(choices, columns(chosen_values))
    def test_choices(self, chosen: Any, column: Any):
        check(serializers.ChoiceField(chosen), column)
        check(serializers.ChoiceField(chosen, allow_blank=True), column)

    @given(choices, columns(st.lists(chosen_values, max_size=3)) | columns(chosen_values))
    def test_several_choices(self, chosen: Any, column: Any):
        check(serializers.MultipleChoiceField(choices=chosen), column)

    def test_more_values_than_are_remembered(self):
        check(
            serializers.ChoiceField([("7", "Seven")]),
            [str(number % (REMEMBERED + 9)) for number in range(2 * REMEMBERED + 50)],
        )

    def test_paths(self, tmp_path: Any):
        (tmp_path / "file").touch()
        field = serializers.FilePathField(path=str(tmp_path))
        check(field, [str(tmp_path / "file"), "other", None, 1])


class TestComposites:
    @given(columns(st.lists(decimals | st.none(), max_size=3)))
    def test_lists(self, column: Any):
        check(serializers.ListField(), column)
        check(serializers.ListField(child=serializers.CharField()), column)
        check(serializers.ListField(child=serializers.DecimalField(10, 2)), column)

    @given(columns(st.dictionaries(texts | st.integers(), st.integers() | st.none(), max_size=3)))
    def test_dicts(self, column: Any):
        check(serializers.DictField(), column)
        check(serializers.DictField(child=serializers.CharField()), column)
        check(serializers.HStoreField(), column)

    @given(columns(st.lists(st.floats() | texts, max_size=2) | anything), st.booleans())
    def test_json(self, column: Any, binary: bool):
        check(serializers.JSONField(binary=binary), column)
        check(serializers.JSONField(binary=binary, encoder=JSONEncoder), column)

    @given(columns(anything))
    def test_read_only(self, column: Any):
        check(serializers.ReadOnlyField(), column)


class Shouting(serializers.CharField):
    def to_representation(self, value: Any) -> str:
        return super().to_representation(value).upper()


class Half(serializers.DecimalField):
    def quantize(self, value: Any) -> Any:
        return super().quantize(value / 2)


class Fixed(serializers.DateTimeField):
    def enforce_timezone(self, value: Any) -> Any:
        return value.replace(year=2000)


class Tokyo(serializers.DateTimeField):
    def default_timezone(self) -> Any:
        return ZoneInfo("Asia/Tokyo")


class Inverted(serializers.BooleanField):
    TRUE_VALUES = {False}
    FALSE_VALUES = {True}


class Class(serializers.CharField):
    format = "x"


PATCHES: list[tuple[Any, str, Any, Any]] = [
    (serializers.DecimalField(9, 2), "quantize", lambda value: value / 2, Decimal("1.50")),
    (
        serializers.DateTimeField(),
        "enforce_timezone",
        lambda value: value.replace(year=1999),
        datetime(2024, 1, 1, tzinfo=UTC),
    ),
    (
        serializers.DateTimeField(),
        "default_timezone",
        lambda: ZoneInfo("Asia/Tokyo"),
        datetime(2024, 1, 1, tzinfo=UTC),
    ),
    (serializers.DateTimeField(), "format", "%Y", datetime(2024, 1, 1, tzinfo=UTC)),
    (serializers.BooleanField(), "TRUE_VALUES", {False}, False),
    (serializers.UUIDField(), "uuid_format", "hex", UUID(int=1)),
    *([(BigInteger(), "coerce_to_string", True, 1)] if BigInteger else []),
]


class TestOwnMethods:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            (Shouting(), "a"),
            (Half(9, 2), Decimal("1.50")),
            (Fixed(), datetime(2024, 1, 1, tzinfo=UTC)),
            (Tokyo(), datetime(2024, 1, 1, tzinfo=UTC)),
            (Inverted(), True),
            (Inverted(), False),
        ],
    )
    def test_a_subclass_is_asked(self, field: Any, value: Any):
        check(field, [value])

    @pytest.mark.parametrize(("field", "name", "patch", "value"), PATCHES)
    def test_a_patched_field_is_asked(self, field: Any, name: str, patch: Any, value: Any):
        field = bound(field)
        setattr(field, name, patch)
        assert [*values(converter(field)([value]))] == by_field(field, [value])

    def test_a_decimal_field_that_rounds_by_a_subclass_of_its_own(self):
        check(Half(9, 2), [Decimal("1.50"), None])
