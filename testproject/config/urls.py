from django.urls import include, path
from django.views.generic import TemplateView
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerView,
)
from rest_framework.routers import DefaultRouter

from flights import views

SCHEMA = {
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "flights.openapi.tell_the_rest",
    ],
}

router = DefaultRouter()
router.register("flights", views.FlightViewSet)
router.register("airlines", views.AirlineViewSet)
router.register("airports", views.AirportViewSet)
router.register("planes", views.PlaneViewSet)
router.register("weather", views.WeatherViewSet)

urlpatterns = [
    path("live/", TemplateView.as_view(template_name="flights/live.html"), name="live"),
    path("live/departures/", views.DeparturesView.as_view(), name="departures"),
    path("schema/", SpectacularAPIView.as_view(custom_settings=SCHEMA), name="schema"),
    path("schema/swagger/", SpectacularSwaggerView.as_view(), name="swagger"),
    path(
        "schema/redoc/",
        SpectacularRedocView.as_view(template_name="flights/redoc.html"),
        name="redoc",
    ),
    path("", include(router.urls)),
]
