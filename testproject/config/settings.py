"""Settings of the test project.

Environment variables:

- DATABASE_URL: a PostgreSQL or MariaDB database (default: testproject/db.sqlite3)
- TEST_DB_SUFFIX: ends the test database's name, so that test runs can go on side by side
- DEBUG: "1" switches Django's debug mode on
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "not secret: for the test project only"
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_streaming",
    "flights",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    },
]


def database() -> dict[str, Any]:
    suffix = os.environ.get("TEST_DB_SUFFIX", "")
    default = f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
    settings: dict[str, Any] = {**dj_database_url.parse(os.environ.get("DATABASE_URL") or default)}
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        settings["OPTIONS"] = {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "timeout": 20,
        }
        # A file: connections to an in-memory database cannot use WAL.
        settings["TEST"] = {"NAME": BASE_DIR / f"test_db{suffix}.sqlite3"}
        return settings
    settings["TEST"] = {"NAME": f"test_{settings['NAME']}{suffix}"}
    if settings["ENGINE"] == "django.db.backends.mysql":
        use_pymysql()
        settings["OPTIONS"] = {**settings.get("OPTIONS", {}), "charset": "utf8mb4"}
        settings["TEST"]["CHARSET"] = "utf8mb4"
    return settings


def use_pymysql() -> None:
    import pymysql

    # Django refuses a mysqlclient that is too old, and PyMySQL 1.1 says it is version 1.4.6.
    pymysql.version_info = (2, 2, 8, "final", 0)
    pymysql.install_as_MySQLdb()


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "America/New_York"

STATIC_URL = "static/"

REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Flights from New York City in 2013",
    "VERSION": "1.0.0",
    # What the pages need comes with the sidecar, and not from a network.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
