"""Hyperlinks from columns, against DRF's own."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from rest_framework import relations, serializers
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.test import APIRequestFactory
from rest_framework.versioning import NamespaceVersioning

from drf_streaming.columns.links import is_plain, links
from drf_streaming.tables import Native, values
from flights.models import Weather
from flights.views import WeatherViewSet

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize


def page(request: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse()


KEYS = [
    path("plain/<pk>/", page, name="plain"),
    path("str/<str:pk>/", page, name="str"),
    path("int/<int:pk>/", page, name="int"),
    path("uuid/<uuid:pk>/", page, name="uuid"),
    re_path(r"^router/(?P<pk>[^/.]+)/$", page, name="router"),
    re_path(r"^digits/(?P<pk>\d+)/$", page, name="digits"),
    re_path(r"^year/(?P<pk>\d{4})/$", page, name="year"),
    re_path(r"^even/(?P<pk>\d*[02468])/$", page, name="even"),
    re_path(r"^digits-or-x/(?P<pk>[0-9]+|x)/$", page, name="digits-or-x"),
    path("ü/<int:pk>/", page, name="quoted"),
    path("twice/<int:pk>/", page, name="twice"),
    re_path(r"^twice/all/(?P<pk>[0-9]{1})/$", page, name="twice"),
]
urlpatterns = [*KEYS, path("v2/", include((KEYS, "v2"))), path("", include("config.urls"))]


def field(view_name: str, **kwargs: Any) -> Any:
    made = relations.HyperlinkedIdentityField(view_name, **kwargs)
    request = Request(APIRequestFactory().get("/", kwargs.pop("query", {})))

    class Row(serializers.Serializer):
        url = made

    return Row(context={"request": request}).fields["url"]


def of_drf(linked: Any, keys: list[Any]) -> list[Any]:
    return [
        None if key is None else linked.to_representation(relations.PKOnlyObject(pk=key))
        for key in keys
    ]


@override_settings(ROOT_URLCONF=__name__)
@on("name", ["plain", "str", "int", "router", "digits"])
def test_whole_numbers_are_put_into_one_link(name: str):
    keys = [1, 22, None, 10**20, 0]
    column = links(field(name))(keys)
    assert isinstance(column, Native)
    assert values(column) == of_drf(field(name), keys)


@override_settings(ROOT_URLCONF=__name__)
@on("name", ["plain", "uuid", "router"])
def test_uuids_are_put_into_one_link(name: str):
    keys = [UUID(int=n) for n in (0, 5, 2**127)]
    column = links(field(name))(keys)
    assert isinstance(column, Native)
    assert values(column) == of_drf(field(name), keys)


@override_settings(ROOT_URLCONF=__name__)
@on(
    ("name", "keys"),
    [
        ("year", [2013, 2014]),
        ("even", [2, 4]),
        ("digits-or-x", [1, 22]),
        ("quoted", [1, 22]),
        ("twice", [1, 22]),
        ("plain", [1, -1]),
        ("plain", [1, True]),
        ("plain", [1, "a"]),
        ("plain", ["a b", "é", "a b", "%"]),
        ("plain", [None, None]),
    ],
)
def test_other_keys_and_routes_are_left_to_drf(name: str, keys: list[Any]):
    assert values(links(field(name))(keys)) == of_drf(field(name), keys)


@override_settings(ROOT_URLCONF=__name__)
@on("keys", [[UUID(int=1)], [123], ["x"]])
def test_a_key_without_a_link_fails_as_drf_does(keys: list[Any]):
    name = "year" if keys != [UUID(int=1)] else "int"
    with pytest.raises(Exception, match="Could not resolve URL") as expected:
        of_drf(field(name), keys)
    with pytest.raises(type(expected.value), match="Could not resolve URL"):
        links(field(name))(keys)


class OwnURL(relations.HyperlinkedIdentityField):
    def get_url(self, *args: Any) -> str:
        return "/mine/"


def test_a_field_that_makes_links_by_itself_is_not_plain():
    injected = relations.HyperlinkedIdentityField("plain")
    injected.reverse = lambda *args, **kwargs: reverse(*args, **kwargs)
    by_name = relations.HyperlinkedIdentityField("plain", lookup_field="name")
    assert [is_plain(each) for each in (OwnURL("plain"), injected, by_name)] == [False] * 3
    assert is_plain(relations.HyperlinkedIdentityField("plain"))


class Linked(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = Weather
        fields = ["url", "origin", "hour"]
        extra_kwargs = {
            "url": {"view_name": "weather-detail"},
            "origin": {"view_name": "airport-detail"},
        }


class LinkedMine(Linked):
    mine = OwnURL("plain")

    class Meta(Linked.Meta):
        fields = ["url", "origin", "mine"]


@on("serializer", [Linked, LinkedMine])
@on("query", [{}, {"format": "json"}])
def test_a_list_of_links_is_that_of_drf(serializer: Any, query: dict[str, str]):
    class View(WeatherViewSet):
        serializer_class = serializer
        pagination_class = None

    view = View.as_view({"get": "list"})
    factory = APIRequestFactory()
    with override_settings(ROOT_URLCONF=__name__):
        expected = view(factory.get("/", query)).render().content
        streamed = b"".join(view(factory.get("/", {**query, "stream": "json"})))
    assert json.loads(streamed) == json.loads(expected)
    assert len(json.loads(expected)) > 100


def test_versions_are_part_of_the_link():
    request = Request(APIRequestFactory().get("/"))
    request.version, request.versioning_scheme = "v2", NamespaceVersioning()
    made = field("plain")
    made.parent._context = {"request": request}
    with override_settings(ROOT_URLCONF=__name__):
        assert values(links(made)([1, 2])) == [
            "http://testserver/v2/plain/1/",
            "http://testserver/v2/plain/2/",
        ]
