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
