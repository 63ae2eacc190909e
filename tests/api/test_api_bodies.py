"""Bodies that cannot be read as a whole: one clear refusal, no crash, no memory, nothing stored."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from tests.api.harness import Service, running, touch, unique

pytestmark = pytest.mark.anyio
MEGABYTE = 2**20
LIMIT = MEGABYTE
TAKERS = ("/v1/events", "/v1/spend", "/v1/rates")


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """With limits small enough to be reached quickly."""
    folder = tmp_path_factory.mktemp("service")
    async with running(folder, max_body_bytes=LIMIT, max_events=100) as small:
        yield small


def good() -> dict[str, Any]:
    return touch(unique("visitor"), "2026-03-01T10:00:00Z", "google/cpc")


def problem(response: httpx.Response, status: int, code: str) -> str:
    """Check the shape of the refusal; gives its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"urn:throughline:error:{code}"
    detail: str = found["detail"]
    assert len(detail) > 20
    return detail


UNREADABLE = [
    pytest.param(b"", "empty_body", id="empty"),
    pytest.param(b" \r\n\t ", "empty_body", id="only_spaces"),
    pytest.param(b"\xef\xbb\xbf", "empty_body", id="only_a_byte_order_mark"),
    pytest.param(b'{"id": "1",', "malformed_json", id="ends_in_the_middle"),
    pytest.param(b"[1, 2", "malformed_json", id="array_ends_in_the_middle"),
    pytest.param(b"{\"id\": '1'}", "malformed_json", id="single_quotes"),
    pytest.param(b'{"id": 1}}', "malformed_json", id="one_brace_too_many"),
    pytest.param(b'[{"id": 01}]', "malformed_json", id="leading_zero"),
    pytest.param(b'{"a": undefined}', "malformed_json", id="undefined"),
    pytest.param(b'{"a": 1} trailing', "malformed_json", id="text_behind_it"),
    pytest.param(b"[" * 100_000, "malformed_json", id="100000_brackets"),
    pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "malformed_json", id="5000_deep"),
    pytest.param(b'["\xff\xfe"]', "not_utf8", id="not_utf8"),
    pytest.param('["é"]'.encode("latin-1"), "not_utf8", id="latin_1"),
    pytest.param('[{"id": "1"}]'.encode("utf-16"), "not_utf8", id="utf_16"),
    pytest.param(b'["\xc0\xaf"]', "not_utf8", id="overlong"),
    pytest.param(b'["\xed\xa0\xbd"]', "not_utf8", id="surrogate_in_bytes"),
]


@pytest.mark.parametrize("path", TAKERS)
@pytest.mark.parametrize(("body", "code"), UNREADABLE)
async def test_what_cannot_be_read(service: Service, path: str, body: bytes, code: str) -> None:
    response = await service.post(body, path, content_type="application/json")
    problem(response, 400, code)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"id=1&type=touch", "application/x-www-form-urlencoded", id="form"),
        pytest.param(
            b'--x\r\ncontent-disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            id="multipart",
        ),
        pytest.param(b"<event><id>1</id></event>", "text/xml", id="xml"),
        pytest.param(b"\x00" * 64, "application/octet-stream", id="zeros"),
    ],
)
async def test_other_kinds_of_body(service: Service, body: bytes, content_type: str) -> None:
    problem(await service.post(body, content_type=content_type), 400, "malformed_json")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""],
)
async def test_json_under_any_name(service: Service, content_type: str) -> None:
    # navigator.sendBeacon says text/plain, curl -d says form.
    response = await service.post(good(), content_type=content_type)
    assert response.status_code == 202


async def test_a_byte_order_mark_is_skipped(service: Service) -> None:
    marked = b"\xef\xbb\xbf" + orjson.dumps([good(), good()])
    assert (await service.post(marked)).json()["accepted"] == 2


async def test_too_many_items(service: Service) -> None:
    assert (await service.post([good() for _ in range(100)])).status_code == 202
    for body in (
        [good() for _ in range(101)],
        b"\n".join(orjson.dumps(good()) for _ in range(101)),
    ):
        assert "100" in problem(await service.post(body), 413, "too_many_items")


def padded(size: int) -> bytes:
    """One good event, filled up with spaces."""
    body = orjson.dumps(good())
    return body + b" " * (size - len(body))


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_the_limit_of_a_body(service: Service, more: int) -> None:
    for body, encoding in (
        (padded(LIMIT + more), "identity"),
        (gzip.compress(padded(LIMIT + more)), "gzip"),
    ):
        response = await service.post(body, content_encoding=encoding)
        if more <= 0:
            assert response.status_code == 202
        else:
            assert str(LIMIT) in problem(response, 413, "body_too_large")


async def test_a_hundred_megabytes_leave_no_trace(service: Service) -> None:
    async def much() -> AsyncIterator[bytes]:
        chunk = b"[" + b" " * (MEGABYTE - 1)
        for _ in range(100):
            yield chunk

    tracemalloc.start()
    try:
        response = await service.post(much())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    problem(response, 413, "body_too_large")
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("announced", [str(LIMIT + 1), "99999999999999999999999"])
async def test_a_body_that_announces_too_much(service: Service, announced: str) -> None:
    response = await service.post(good(), content_length=announced)
    problem(response, 413, "body_too_large")


@pytest.mark.parametrize("announced", ["1", "0", "-5", "many"])
async def test_a_body_that_announces_something_else(service: Service, announced: str) -> None:
    # What came counts; a server in front cuts or refuses by its own rules.
    assert (await service.post(good(), content_length=announced)).status_code == 202
    long = await service.post(padded(LIMIT + 1), content_length=announced)
    problem(long, 413, "body_too_large")


async def test_a_connection_that_ends_in_the_middle(service: Service) -> None:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/v1/events", "raw_path": b"/v1/events", "root_path": "",
        "query_string": b"", "server": ("test", 80), "client": ("127.0.0.1", 1),
        "headers": [(k.encode(), v.encode()) for k, v in service.bearer("everything").items()],
    }  # fmt: skip
    messages = iter(
        [
            {"type": "http.request", "body": b'[{"id":', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert orjson.loads(sent[1]["body"])["code"] == "incomplete_body"


# Compression


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"0" * MEGABYTE
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


async def test_a_gzip_bomb(service: Service) -> None:
    packed = bomb(200)
    assert len(packed) < LIMIT
    tracemalloc.start()
    try:
        for encoding in ("gzip", "identity"):
            response = await service.post(packed, content_encoding=encoding)
            problem(response, 413, "body_too_large")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE


@pytest.mark.parametrize(
    "labels",
    [
        {"content_encoding": "gzip"},
        {"content_encoding": "GZIP"},
        {"content_encoding": "x-gzip"},
        {"content_type": "application/gzip"},
        {},
    ],
    ids=["gzip", "capitals", "x_gzip", "only_by_type", "unlabelled"],
)
async def test_gzip_by_any_label(service: Service, labels: dict[str, str]) -> None:
    packed = gzip.compress(orjson.dumps([good()]))
    assert (await service.post(packed, **labels)).status_code == 202


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda packed: packed[:-1], id="last_byte_missing"),
        pytest.param(lambda packed: packed[: len(packed) // 2], id="half"),
        pytest.param(lambda packed: packed[:11], id="little_more_than_its_head"),
        pytest.param(lambda packed: packed[:2], id="two_bytes"),
        pytest.param(lambda packed: packed[:20] + b"\xff" + packed[21:], id="one_byte_changed"),
        pytest.param(lambda packed: packed[:-8] + b"\0" * 8, id="wrong_checksum"),
    ],
)
async def test_broken_gzip(service: Service, spoil: Any) -> None:
    packed = spoil(gzip.compress(orjson.dumps([good() for _ in range(20)])))
    problem(await service.post(packed, content_encoding="gzip"), 400, "bad_gzip")


async def test_gzip_in_several_members(service: Service) -> None:
    # `cat a.gz b.gz` is gzip too; what stands in the second one was dropped without a word.
    lines = [orjson.dumps(good()) + b"\n" for _ in range(3)]
    packed = b"".join(gzip.compress(line) for line in lines) + b"\0" * 100
    assert (await service.post(packed, content_encoding="gzip")).json()["accepted"] == 3
    much = gzip.compress(b" " * (LIMIT // 2)) * 3
    problem(await service.post(much, content_encoding="gzip"), 413, "body_too_large")
    none = gzip.compress(b"") * 2_000
    problem(await service.post(none, content_encoding="gzip"), 400, "bad_gzip")


async def test_something_behind_the_gzip(service: Service) -> None:
    packed = gzip.compress(orjson.dumps(good()))
    response = await service.post(packed + b"{}", content_encoding="gzip")
    problem(response, 400, "bad_gzip")


async def test_gzip_inside_gzip(service: Service) -> None:
    twice = gzip.compress(gzip.compress(orjson.dumps(good())))
    problem(await service.post(twice, content_encoding="gzip"), 400, "not_utf8")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "brücke"])
async def test_unknown_compression(service: Service, encoding: str) -> None:
    headers = [
        (b"authorization", service.bearer("everything")["authorization"].encode()),
        (b"content-encoding", encoding.encode()),
    ]
    response = await service.client.post(
        "/v1/events", content=orjson.dumps(good()), headers=headers
    )
    assert "gzip" in problem(response, 400, "bad_encoding")


async def test_nothing_of_all_this_was_stored(fresh: Service) -> None:
    for body in (b"[1, 2", b"", b'{"id":'):
        await fresh.post(body)
    sources = await fresh.ask("/v1/sources")
    assert {name for s in sources["items"] for name in s["outcomes"]} == set()
    assert (await fresh.ask("/v1/quarantine"))["items"] == []
