"""The Django app: it registers the system checks and the schema, and learns of the server's end."""

from django.apps import AppConfig, apps


class DRFStreamingConfig(AppConfig):
    """Register what needs no more than being installed."""

    name = "drf_streaming"
    verbose_name = "DRF streaming"

    def ready(self) -> None:
        """Register the checks and the schema, and watch the signals that the server has set up."""
        from drf_streaming import bridge, checks

        checks.register()
        if apps.is_installed("drf_spectacular"):
            from drf_streaming import schema  # noqa: F401  (it works by being imported)
        # Servers with threads serve outside of the main thread, where signals cannot be set up.
        bridge.watch_signals()
