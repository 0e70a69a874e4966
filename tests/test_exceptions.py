import pytest

from drf_streaming.exceptions import TooManyRows


@pytest.mark.parametrize(("exact", "found"), [(True, "Found 7 rows"), (False, "Found 7 or more")])
def test_too_many_rows_says_what_was_found_and_what_is_allowed(exact: bool, found: str):
    error = TooManyRows(7, 5, exact=exact)
    assert (error.status_code, error.detail.code) == (400, "too_many_rows")
    assert str(error.detail).startswith(found)
    assert "at most 5 can be streamed" in str(error.detail)
