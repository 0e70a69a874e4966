"""The test project, and the views that only tests need."""

import os

from config.settings import *  # noqa: F403

ROOT_URLCONF = "streamtests.urls"

# A second database, in the journal mode that SQLite has by default.
DATABASES["other"] = {  # noqa: F405
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": BASE_DIR / "other.sqlite3",  # noqa: F405
    "OPTIONS": {"timeout": 0.5},
    "TEST": {"NAME": BASE_DIR / f"test_other{os.environ.get('TEST_DB_SUFFIX', '')}.sqlite3"},  # noqa: F405
}

# Models that only the tests of columns need.
INSTALLED_APPS = [*INSTALLED_APPS, "columnsapp"]  # noqa: F405

# Where tests count open streams. The test database has the table if a test has made it.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
    },
    "database": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "test_open_streams",
    },
}
