from django.urls import include, path

from streamtests import views

urlpatterns = [
    path("source/sync/", views.SourceView.as_view()),
    path("source/async/", views.SourceView.as_view(is_async=True)),
    path("response/sync/", views.response),
    path("response/async/", views.response_async),
    path("failing/", views.FailingView.as_view()),
    path("slow-flights/", views.SlowFlightsView.as_view()),
    path("many-flights/", views.ManyFlightsView.as_view()),
    path("collect/", views.collect),
    path("", include("config.urls")),
]
