"""Moments as senders write them."""

from time import process_time
from typing import Any

import pytest

from service.collect.moments import iso_moment
from service.kit.errors import Refusal


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("1772355600", "s", "2026-03-01T09:00:00+00:00"),
        (1772355600.5, "s", "2026-03-01T09:00:00.500000+00:00"),
        ("1772355600000", "ms", "2026-03-01T09:00:00+00:00"),
        ("1772355600000000", "us", "2026-03-01T09:00:00+00:00"),
        (1772355600000, "", "2026-03-01T09:00:00+00:00"),
    ],
)
def test_numbers(value: Any, form: str, expected: str) -> None:
    assert iso_moment(value, "at", form=form) == expected


@pytest.mark.parametrize("form", ["s", "ms", "us", ""])
@pytest.mark.parametrize("value", ["9e999990", "1e99999", "Infinity", "nan", "9" * 4000, "", "x"])
def test_what_is_no_number_is_refused_at_once(value: str, form: str) -> None:
    begun = process_time()
    with pytest.raises(Refusal) as caught:
        iso_moment(value, "at", form=form)
    assert caught.value.code == "bad_timestamp"
    assert process_time() - begun < 0.05
