from django.apps import AppConfig


class FlightsConfig(AppConfig):
    name = "flights"

    def ready(self) -> None:
        # drf-spectacular finds what is imported.
        from . import openapi  # noqa: F401
