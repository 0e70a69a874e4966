"""What the database driver makes of values, where Django adds nothing to it but time."""

from datetime import UTC
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_DJANGOS = "django.db.backends.postgresql.psycopg_any"


def is_psycopg_3(connection: Any) -> bool:
    """Tell whether this is a connection that psycopg 3 has opened."""
    # psycopg 2 has no adapters.
    return connection.vendor == "postgresql" and hasattr(connection.connection, "adapters")


def _is_in_utc(driver: Any) -> bool:
    return bool(driver.info.parameter_status("TimeZone") == "UTC")


def load_moments_fast(connection: BaseDatabaseWrapper) -> None:
    """Let psycopg alone load moments in UTC; Django's loader, in Python, would replace UTC by UTC.

    Shape: nothing is changed where the connection or Django has another time zone, where somebody
        has a loader of their own, and with other drivers.
    """
    if not is_psycopg_3(connection):
        return
    driver: Any = connection.connection
    database: Any = connection.Database  # type: ignore[attr-defined]
    kind, text = database.adapters.types["timestamptz"].oid, database.pq.Format.TEXT
    found = driver.adapters.get_loader(kind, text)
    is_djangos = found.__module__ == _DJANGOS and found.timezone is UTC
    if is_djangos and connection.timezone is UTC and _is_in_utc(driver):
        own = database.adapters.get_loader(kind, text)
        # Django asks the class for its time zone, and the one in C cannot be subclassed.
        members = {"__new__": lambda _, *args: own(*args), "format": text, "timezone": UTC}
        driver.adapters.register_loader(kind, type("MomentLoader", (), members))
