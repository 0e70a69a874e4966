import pytest
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from drf_streaming import settings as streaming


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("QUERY_PARAMETER", "stream"),
        ("CHUNK_SIZE", 500),
        ("MAX_ROWS", None),
        ("HEARTBEAT", 15),
        ("MAX_AGE", None),
        ("SEND_TIMEOUT", 30),
        ("HOLD_CONNECTIONS", False),
    ],
)
def test_what_is_not_set_has_its_default(settings, name: str, default: object):
    assert streaming.get(name) == default
    settings.DRF_STREAMING = {}
    assert streaming.get(name) == default


def test_values_are_read_when_they_are_needed(settings):
    settings.DRF_STREAMING = {"CHUNK_SIZE": 7}
    assert (streaming.get("CHUNK_SIZE"), streaming.configured()) == (7, {"CHUNK_SIZE": 7})
    settings.DRF_STREAMING = {"CHUNK_SIZE": 8}
    assert streaming.get("CHUNK_SIZE") == 8


def test_a_setting_that_is_assigned_is_seen(settings):
    del settings.DRF_STREAMING
    assert streaming.get("CHUNK_SIZE") == 500
    django_settings.DRF_STREAMING = {"CHUNK_SIZE": 7}
    assert streaming.get("CHUNK_SIZE") == 7
    del django_settings.DRF_STREAMING
    assert streaming.get("CHUNK_SIZE") == 500


def test_a_value_of_none_is_a_value(settings):
    settings.DRF_STREAMING = {"MAX_ROWS": 5}
    assert streaming.get("MAX_ROWS") == 5
    settings.DRF_STREAMING = {"MAX_ROWS": None}
    assert streaming.get("MAX_ROWS") is None


def test_every_format_streams_unless_the_project_chooses():
    formats = [import_string(path).format for path in streaming.get("RENDERER_CLASSES")]
    assert sorted(formats) == ["csv", "json", "json-seq", "ndjson", "sse"]


def test_a_name_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError, match="CHUNKSIZE"):
        streaming.get("CHUNKSIZE")
