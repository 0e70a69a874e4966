from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from config.urls import SCHEMA
from streamtests import views

OPENAPI_VERSIONS = ["3.0.3", "3.1.0", "3.2.0"]


def schema(version: str) -> SpectacularAPIView:
    """Describe the test project, without the views that only tests need."""
    settings = {**SCHEMA, "OAS_VERSION": version}
    return SpectacularAPIView.as_view(urlconf="config.urls", custom_settings=settings)


urlpatterns = [
    *(path(f"schema/{version}/", schema(version)) for version in OPENAPI_VERSIONS),
    path("source/sync/", views.SourceView.as_view()),
    path("source/async/", views.SourceView.as_view(is_async=True)),
    path("limited/sync/", views.LimitedView.as_view()),
    path("limited/async/", views.LimitedView.as_view(is_async=True)),
    path("response/sync/", views.response),
    path("response/async/", views.response_async),
    path("failing/", views.FailingView.as_view()),
    path("slow-flights/", views.SlowFlightsView.as_view()),
    path("live/", include("streamtests.live")),
    path("soak/", include("streamtests.soak")),
    path("collect/", views.collect),
    path("", include("config.urls")),
]
