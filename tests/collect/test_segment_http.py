"""The key, the limits and the settings of the Segment protocol."""

import base64
from typing import Any

import pytest

from service.collect.segment_http import (
    KINDS,
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGES,
    messages_of,
    settings_body,
    write_key_of,
)
from service.kit.errors import BadRequest


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "body", "key"),
    [
        pytest.param(basic("KEY:"), {}, "KEY", id="basic"),
        pytest.param(basic("KEY"), {}, "KEY", id="no colon"),
        pytest.param(basic("KEY:").rstrip("="), {}, "KEY", id="no padding"),
        pytest.param(basic("KEY:password"), {}, "KEY", id="password"),
        pytest.param(basic("KEY:"), {"writeKey": "BODY"}, "KEY", id="basic before body"),
        pytest.param("bearer KEY", {}, "KEY", id="bearer"),
        pytest.param("Bearer token", {"writeKey": "BODY"}, "BODY", id="body before bearer"),
        pytest.param("", {"writeKey": " BODY "}, "BODY", id="body"),
        pytest.param(basic(":"), {"writeKey": "BODY"}, "BODY", id="empty user"),
        pytest.param("Basic ???", {"writeKey": "BODY"}, "BODY", id="no base64"),
        pytest.param("Basic /w==", {"writeKey": "BODY"}, "BODY", id="no text"),
        pytest.param("Basic żółw", {}, None, id="no ascii"),
        pytest.param("Bearer", {}, None, id="empty bearer"),
        pytest.param("", {"writeKey": 7}, None, id="number"),
        pytest.param("", ["KEY"], None, id="no object"),
    ],
)
@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_the_write_key(authorization: str, body: Any, key: str | None, header: str) -> None:
    assert write_key_of({"Host": "x", header: authorization}, body) == key


def test_no_key_at_all() -> None:
    assert write_key_of({}, {}) is None


def test_the_settings_enable_the_source_alone() -> None:
    settings = settings_body("KEY")
    assert settings["integrations"]["Segment.io"]["apiKey"] == "KEY"
    assert list(settings["integrations"]) == ["Segment.io"]
    assert settings["plan"]["track"]["__default"]["enabled"] is True


def test_limits() -> None:
    assert (MAX_MESSAGE_BYTES, MAX_BODY_BYTES, MAX_MESSAGES) == (32_768, 512_000, 2_500)
    assert len(messages_of({"batch": [{}] * MAX_MESSAGES}, "b")) == MAX_MESSAGES
    with pytest.raises(BadRequest) as caught:
        messages_of({"batch": [{}] * (MAX_MESSAGES + 1)}, "batch")
    assert (caught.value.code, caught.value.status) == ("too_many_items", 400)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ([], "track", "not_an_object"),
        (None, "batch", "not_an_object"),
        ({}, "batch", "missing_field"),
        ({"batch": {"0": {}}}, "import", "missing_field"),
    ],
)
def test_requests_that_make_no_sense(body: Any, kind: str, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        messages_of(body, kind)
    assert caught.value.code == code


def test_a_short_path_is_its_long_one() -> None:
    names = ("identify", "track", "page", "screen", "group", "alias", "batch")
    assert {KINDS[name] for name in names} == set(names)
    assert {KINDS[name[0]] for name in names} == set(names)
    assert KINDS["import"] == "batch"
