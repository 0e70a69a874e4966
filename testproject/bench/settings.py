"""Settings of the benchmark: the test project's, with nothing between a request and its list."""

import os

from config.settings import *  # noqa: F403
from config.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
MIDDLEWARE = []
if os.environ.get("BENCH_SESSIONS") == "1":
    MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
ROOT_URLCONF = "bench.urls"
ASGI_APPLICATION = "bench.asgi.application"
ALLOWED_HOSTS = ["*"]

if os.environ.get("BENCH_CONNECTION") == "kept":
    DATABASES["default"]["CONN_MAX_AGE"] = None

USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
