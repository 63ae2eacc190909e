"""The key, the limits and the settings of the Segment protocol."""

import base64
import json
from typing import Any

import pytest

from service.collect.formats.segment import KINDS, settings
from service.collect.segment_http import (
    MAX_BODY_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGES,
    messages_as,
    write_key,
)
from service.collect.wire import Call
from service.kit.errors import BadRequest, Forbidden
from tests.collect.sending import RECEIVED, call


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
    assert write_key(call("/v1/batch", body, headers={header: authorization})) == key


def test_no_key_at_all() -> None:
    assert write_key(call("/v1/batch", {})) is None


def test_the_settings_enable_the_source_alone() -> None:
    asked = Call("GET", "", "", {}, b"", RECEIVED, {"write_key": "KEY"})
    told = json.loads(settings(asked).body)
    assert told["integrations"]["Segment.io"]["apiKey"] == "KEY"
    assert list(told["integrations"]) == ["Segment.io"]
    assert told["plan"]["track"]["__default"]["enabled"] is True


def test_a_public_key_may_stand_in_the_address_and_a_secret_one_not() -> None:
    assert write_key(call("/v1/batch", {}, query="key=pk_1")) == "pk_1"
    with pytest.raises(Forbidden) as caught:
        write_key(call("/v1/batch", {}, query="key=sk_1"))
    assert caught.value.code == "secret_in_address"


def test_limits() -> None:
    assert (MAX_MESSAGE_BYTES, MAX_BODY_BYTES, MAX_MESSAGES) == (32_768, 4_096_000, 2_500)
    assert len(messages_as("batch")(call("/v1/b", {"batch": [{}] * MAX_MESSAGES}))) == MAX_MESSAGES
    with pytest.raises(BadRequest) as caught:
        messages_as("batch")(call("/v1/b", {"batch": [{}] * (MAX_MESSAGES + 1)}))
    assert (caught.value.code, caught.value.status) == ("too_many_items", 400)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ([], "track", "not_an_object"),
        (None, "batch", "not_an_object"),
        ({}, "batch", "missing_field"),
        ({"batch": {"0": {}}}, "batch", "missing_field"),
    ],
)
def test_requests_that_make_no_sense(body: Any, kind: str, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        messages_as(kind)(call(f"/v1/{kind}", body))
    assert caught.value.code == code


def test_a_short_path_is_its_long_one() -> None:
    for kind, (long, *short) in KINDS.items():
        assert long == kind
        assert kind[0] in short
    assert "import" in KINDS["batch"]
