from django.urls import include, path
from rest_framework.routers import DefaultRouter

from flights import views

router = DefaultRouter()
router.register("flights", views.FlightViewSet)
router.register("airlines", views.AirlineViewSet)
router.register("airports", views.AirportViewSet)
router.register("planes", views.PlaneViewSet)
router.register("weather", views.WeatherViewSet)

urlpatterns = [path("", include(router.urls))]
