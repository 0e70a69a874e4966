"""The Django app: it registers the system checks."""

from django.apps import AppConfig


class DRFStreamingConfig(AppConfig):
    """Register what needs no more than being installed."""

    name = "drf_streaming"
    verbose_name = "DRF streaming"

    def ready(self) -> None:
        """Register the system checks."""
        from drf_streaming import checks

        checks.register()
