"""System checks: what is configured wrongly, and what to write instead."""

from django.core import checks
from django.core.checks import Tags

from drf_streaming.checks.limits import check_limits, check_throttles
from drf_streaming.checks.project import check_gzip, check_settings
from drf_streaming.checks.views import check_views


def register() -> None:
    """Register the checks of this package with Django."""
    for check in (check_settings, check_limits, check_gzip):
        checks.register(check)
    for check in (check_views, check_throttles):
        checks.register(check, Tags.urls)
