"""What leaves the machine at a user's word: to the public internet alone, bounded, without detours."""

import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit import outbound
from service.kit.errors import Refusal
from service.kit.outbound import AddressRefused, AnswerTooLarge, check_url, is_public

PUBLIC = "93.184.215.14"


class Answers(BaseHTTPRequestHandler):
    """Answers by path."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path.startswith("/size/"):
            size = int(self.path.rpartition("/")[2])
            self.send_response(200)
            if "told" in self.path:
                self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(b"x" * size)
        elif self.path == "/packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(b"\x1f\x8b")
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.headers.get("Accept-Encoding", "").encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


class Line(httpcore.NetworkStream):
    """A connection to nowhere that notes for whom its certificate is asked."""

    def __init__(self, names: list[Any]) -> None:
        self._names = names

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._names.append(server_hostname)
        raise httpcore.ConnectError("there is nobody")

    def close(self) -> None:
        pass


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where connections went, and the names whose certificates were asked for; nobody answers."""
    calls: list[Any] = []

    def connect(_: Any, host: str, port: int, *__: Any) -> httpcore.NetworkStream:
        calls.append((host, port))
        return Line(calls)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return calls


def resolving(*answers: list[str]) -> Callable[[str, int], list[str]]:
    """A name server that gives one answer after another."""
    left = list(answers)
    return lambda _host, _port: left.pop(0)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "localhost",
        "127。0。0。1",
        "127.0.0。1",
        "１２７.0.0.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "127.0.0.1\\@example.com",
        "example.com:pass@127.0.0.1",
    ],
)
def test_what_is_not_public_is_not_reached(host: str, dialled: list[Any]) -> None:
    with (
        outbound.outbound_client() as client,
        pytest.raises((AddressRefused, httpx.InvalidURL)),
    ):
        client.get(f"https://{host}/latest/meta-data")
    assert dialled == []


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:a9fe:a9fe]", "[fe80::1]", "224.0.0.1", "[ff02::1]", "0.0.0.0"],
)
def test_what_is_not_even_reached_with_private_addresses_allowed(
    host: str, dialled: list[Any]
) -> None:
    """Under a link-local address clouds tell a machine its secrets."""
    with outbound.outbound_client(True) as client, pytest.raises(AddressRefused):
        client.get(f"https://{host}/latest/meta-data")
    assert dialled == []


@pytest.mark.parametrize("trick", ["localhost.", "①②⑦.⓪.⓪.①", "[fe80::1%25lo]", "127.0.0.1:x"])
def test_what_no_resolver_should_know_is_not_reached(trick: str, dialled: list[Any]) -> None:
    with (
        outbound.outbound_client() as client,
        pytest.raises((httpx.ConnectError, httpx.InvalidURL)),
    ):
        client.get(f"https://{trick}/")
    assert dialled == []


def test_the_connection_goes_to_the_address_that_was_checked(dialled: list[Any]) -> None:
    """A name server that changes its answer is not asked again for the same request."""
    resolve = resolving([PUBLIC], ["127.0.0.1"])
    with outbound.outbound_client(resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError) as caught:
            client.get("https://rebinding.example/")
        assert not isinstance(caught.value, AddressRefused)
        assert dialled == [(PUBLIC, 443), "rebinding.example"]
        with pytest.raises(AddressRefused):
            client.get("https://rebinding.example/")
    assert len(dialled) == 2


@pytest.mark.parametrize(
    "addresses", [[PUBLIC, "127.0.0.1"], ["2606:2800:21f:cb07::1", "::1"], ["::ffff:10.0.0.1"]]
)
def test_one_bad_address_spoils_the_host(addresses: list[str], dialled: list[Any]) -> None:
    with (
        outbound.outbound_client(resolve=resolving(addresses)) as client,
        pytest.raises(AddressRefused),
    ):
        client.get("https://mixed.example/")
    assert dialled == []


def test_a_second_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def connect(_: Any, host: str, port: int, *__: Any) -> httpcore.NetworkStream:
        calls.append(host)
        raise httpcore.ConnectError("closed")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    both = ["2606:2800:21f:cb07::1", PUBLIC]
    with (
        outbound.outbound_client(resolve=resolving(both)) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get("https://two.example/")
    assert calls == both


def test_a_host_without_addresses(dialled: list[Any]) -> None:
    with (
        outbound.outbound_client(resolve=resolving([])) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get("https://none.example/")
    assert dialled == []


@pytest.mark.parametrize(("port", "taken"), [(443, True), (8443, True), (80, False), (22, False)])
def test_ports(port: int, taken: bool, dialled: list[Any]) -> None:
    with (
        outbound.outbound_client(resolve=resolving([PUBLIC])) as client,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        client.get(f"https://ports.example:{port}/")
    assert isinstance(caught.value, AddressRefused) is not taken
    assert bool(dialled) is taken


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com/", "file:///x", "/x"])
def test_nothing_but_https(url: str, dialled: list[Any]) -> None:
    with outbound.outbound_client() as client, pytest.raises(AddressRefused):
        client.get(url)
    assert dialled == []


def test_plain_http_reaches_this_machine_alone_and_only_if_allowed(
    server: str, dialled: list[Any]
) -> None:
    with outbound.outbound_client() as client, pytest.raises(AddressRefused):
        client.get(server)
    with outbound.outbound_client(True) as client:
        for url in ("http://10.0.0.1/", "http://example.com/", "http://127.1/"):
            with pytest.raises(AddressRefused):
                client.get(url)
    assert dialled == []


def test_a_private_host_by_name_if_allowed(dialled: list[Any]) -> None:
    resolve = resolving(["10.0.0.7"], ["169.254.169.254"], ["10.0.0.7", PUBLIC])
    with outbound.outbound_client(True, resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError):
            client.get("https://bitrix.internal:9443/")
        assert dialled == [("10.0.0.7", 9443), "bitrix.internal"]
        for _ in range(2):
            with pytest.raises(AddressRefused):
                client.get("https://bitrix.internal/")


def test_an_answer_arrives_unpacked(server: str) -> None:
    with outbound.outbound_client(True) as client:
        assert client.get(server).text == "identity"
        with pytest.raises(AnswerTooLarge):
            client.get(f"{server}/packed")


def test_a_redirect_is_not_followed(server: str) -> None:
    Answers.asked.clear()
    with outbound.outbound_client(True) as client:
        assert client.get(f"{server}/elsewhere").status_code == 302
    assert Answers.asked == ["/elsewhere"]


@pytest.mark.parametrize("told", ["told/", ""])
def test_the_size_of_an_answer(server: str, told: str) -> None:
    with outbound.outbound_client(True, max_bytes=70_000) as client:
        assert len(client.get(f"{server}/size/{told}70000").content) == 70_000
        with pytest.raises(AnswerTooLarge):
            client.get(f"{server}/size/{told}70001")


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_one_deadline_for_the_whole_request(
    steps: int, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting, sending, and every part of an answer that never ends."""
    clock = iter([*map(float, range(steps)), *[11.0] * 20])
    monkeypatch.setattr(outbound, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with outbound.outbound_client(True) as client, pytest.raises(httpx.TimeoutException):
        client.get(f"{server}/size/1000000")
    assert outbound.MAX_SECONDS == 10


def test_addresses_with_secrets_are_not_logged(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with outbound.outbound_client(True) as client:
        client.get(f"{server}/rest/1/THESECRET/")
    assert "THESECRET" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "https://user:secret@example.com/",
        "https://",
        "javascript:alert(1)",
        "https://exa\nmple.com/",
        "https://[::1/",
        "https://example.com:port/",
    ],
)
def test_a_url_is_refused_by_its_form(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_url(url, "options.portal")
    assert (caught.value.code, caught.value.field) == ("bad_url", "options.portal")


@pytest.mark.parametrize("url", ["https://portal.example/rest/1/x/", "http://127.0.0.1:9/x"])
def test_a_url_is_taken_by_its_form(url: str) -> None:
    assert check_url(url) == url


@given(st.ip_addresses(v=4))
def test_an_address_in_disguise_is_as_public_as_itself(address: Any) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))
