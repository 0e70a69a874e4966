"""The settings of the servers that tests start.

Environment variables, besides those of the test project:

- STREAMTESTS_MARKS: the directory in which sources say that they were closed
- STREAMTESTS_CONTEXT: the middleware that sets language, time zone and a context variable
- STREAMTESTS_GZIP: "1" puts GZipMiddleware first
- STREAMTESTS_POOL: how many connections Django's pool has, where there is one
"""

import os

from streamtests.settings import *  # noqa: F403

MIDDLEWARE = [*MIDDLEWARE, os.environ["STREAMTESTS_CONTEXT"]]  # noqa: F405
if os.environ.get("STREAMTESTS_GZIP") == "1":
    MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *MIDDLEWARE]

if pool := os.environ.get("STREAMTESTS_POOL"):
    default = DATABASES["default"]  # noqa: F405
    if default["ENGINE"] == "django.db.backends.postgresql":
        default["OPTIONS"] = {**default.get("OPTIONS", {}), "pool": {"max_size": int(pool)}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
