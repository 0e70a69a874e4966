"""The source of a list."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from drf_streaming.choices import Choice, choose
from flights.models import Flight

DEFAULT = Flight.objects.all()
DEFAULTS = {
    "sqlite": Choice("cursor", "it harms nobody here"),
    "postgresql": Choice("cursor", "it harms nobody here"),
    "mysql": Choice("keyset", "with a cursor the driver would load the whole result"),
}


def test_the_source_is_what_the_view_wants():
    assert choose(DEFAULT, "cursor", None) == Choice("cursor", "stream_source is 'cursor'")
    assert choose(DEFAULT, "keyset", None) == Choice("keyset", "stream_source is 'keyset'")


def test_a_source_that_cannot_be_had_is_an_error():
    with pytest.raises(ImproperlyConfigured, match="cannot be read so: its order is random"):
        choose(DEFAULT, "keyset", "its order is random")
    with pytest.raises(ImproperlyConfigured, match="'auto', 'cursor', 'keyset'"):
        choose(DEFAULT, "offset", None)


def test_auto_depends_on_the_database(committed: None):
    assert choose(DEFAULT, "auto", None) == DEFAULTS[connection.vendor]


def test_auto_leaves_sqlite_to_its_writers(committed: None):
    in_rollback_mode = DEFAULT.using("other")
    expected = "SQLite is not in WAL mode, where a cursor keeps all writers out"
    assert choose(in_rollback_mode, "auto", None) == Choice("keyset", expected)
    assert choose(in_rollback_mode, "auto", "its order is random") == Choice(
        "cursor", f"{expected}, but its order is random"
    )


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL: set DATABASE_URL"
)
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"OPTIONS": {"pool": True}}, "a cursor would need a connection outside of the pool"),
        ({"DISABLE_SERVER_SIDE_CURSORS": True}, "without cursors on the server the driver would"),
    ],
)
def test_auto_depends_on_the_settings(
    committed: None, settings: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in settings.items():
        monkeypatch.setitem(connections["default"].settings_dict, name, value)
    choice = choose(DEFAULT, "auto", None)
    assert choice.source == "keyset"
    assert choice.reason.startswith(reason)
    # What is isolated has such a connection however it is read.
    isolated = "cursor" if "OPTIONS" in settings else "keyset"
    assert choose(DEFAULT, "auto", None, isolated=True).source == isolated


@pytest.mark.django_db(databases=["other"])
def test_in_a_test_there_are_no_other_writers():
    assert choose(DEFAULT.using("other"), "auto", None).source == "cursor"
