"""Requests to addresses that users set: they reach the public internet and nothing behind it.

The name of a host is resolved here, every address it has is checked, and the connection goes to
the address that was checked: a name server that answers differently the second time is never asked
a second time. Certificates are verified against the name. One request is one connection, with one
deadline for all of it; redirects are not followed, answers are bounded, no proxy is used.
"""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import httpcore
import httpx

from service.kit.errors import Refusal

PORTS: Final = frozenset({443, 8443})
MAX_SECONDS: Final = 10.0
MAX_BYTES: Final = 5 * 2**20

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], list[str]]
"""A host and a port into the addresses of the host; raises OSError."""

_UNICAST: Final = IPv6Network("2000::/3")
# Within them: an IPv4 address in disguise (6to4, Teredo), and what documents use for examples.
_NOBODY: Final = tuple(IPv6Network(text) for text in ("2002::/16", "2001::/32", "3fff::/20"))
# httpx tells the whole address of every request at `info`, and addresses hold secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)


class AddressRefused(httpx.ConnectError):
    """The address is none that we connect to; trying again does not help."""


class AnswerTooLarge(httpx.ReadError):
    """The answer is larger than we read, or packed so that its size is not known."""


def outbound_client(
    allow_private: bool = False,
    *,
    seconds: float = MAX_SECONDS,
    max_bytes: int = MAX_BYTES,
    resolve: Resolver | None = None,
    **options: Any,
) -> httpx.Client:
    """A client for addresses that users set; close it after use.

    Every request may raise `httpx.TransportError`, of which `AddressRefused` is for ever, or
    `httpx.InvalidURL`. A redirect is an answer like any other.

    Args:
        allow_private: the setting `allow_private_addresses`: addresses of the own network and
            any port are reached as well, this machine also by plain http.
        seconds: for one request from its beginning to the end of its answer, name servers apart.
        max_bytes: of one answer.
        resolve: default: the system's own.
        options: of httpx.Client, such as `headers` or `base_url`.
    """
    transport = _GuardedTransport(allow_private, seconds, max_bytes, resolve or _system_resolve)
    headers = {"accept-encoding": "identity", **options.pop("headers", {})}
    return httpx.Client(
        transport=transport,
        headers=headers,
        timeout=seconds,
        follow_redirects=False,
        trust_env=False,
        **options,
    )


def check_url(url: str, field: str = "url") -> str:
    """The URL as it was given, if its form allows a request to it. Where it leads is checked when
    it is asked. Raises Refusal."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Refusal("bad_url", field, f"this is not a URL: {error}") from None
    if problem := _problem_of(parsed, allow_private=True):
        raise Refusal("bad_url", field, problem)
    return url


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet and to one machine in it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _UNICAST or any(address in network for network in _NOBODY):
            return False
    return address.is_global and not address.is_multicast


def _problem_of(url: httpx.URL, allow_private: bool) -> str:
    """What is wrong with the form of a URL; empty where nothing is."""
    if url.scheme not in ("https", "http") or not url.host:
        return "write the whole address, such as https://example.com/"
    if url.userinfo:
        return "a user name or password in an address is not used; send it by a header"
    if url.scheme == "http" and not (allow_private and _is_loopback_name(url.host)):
        return "an address begins with https"
    return ""


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _system_resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _GuardedTransport(httpx.HTTPTransport):
    """httpx's transport over a pool whose connections go through `_GuardedNetwork`."""

    def __init__(
        self, allow_private: bool, seconds: float, max_bytes: int, resolve: Resolver
    ) -> None:
        super().__init__()
        self._allow_private = allow_private
        self._max_bytes = max_bytes
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_keepalive_connections=0,
            network_backend=_GuardedNetwork(allow_private, seconds, resolve),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if problem := _problem_of(request.url, self._allow_private):
            raise AddressRefused(problem, request=request)
        response = super().handle_request(request)
        try:
            self._check_size(request, response)
        except AnswerTooLarge:
            response.close()
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Bounded(response.stream, self._max_bytes)
        return response

    def _check_size(self, request: httpx.Request, response: httpx.Response) -> None:
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise AnswerTooLarge(
                "the answer is packed although none was asked for", request=request
            )
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise AnswerTooLarge(f"the answer exceeds {self._max_bytes} bytes", request=request)


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._stream:
            size += len(part)
            if size > self._max_bytes:
                raise AnswerTooLarge(f"the answer exceeds {self._max_bytes} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()


class _GuardedNetwork(httpcore.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, allow_private: bool, seconds: float, resolve: Resolver) -> None:
        self._allow_private = allow_private
        self._seconds = seconds
        self._resolve = resolve
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._checked(host, port)
        end = time.monotonic() + self._seconds
        for place, address in enumerate(addresses):
            try:
                stream = self._network.connect_tcp(
                    address, port, _left(end), local_address, socket_options
                )
                return _Hurried(stream, end)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(f"the host {host} has no address")

    def _checked(self, host: str, port: int) -> list[str]:
        """The addresses of the host. Raises AddressRefused if one of them is none to connect to."""
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host} is not known: {error}") from error
        addresses = [ip_address(text.partition("%")[0]) for text in found]
        everywhere = all(is_public(address) for address in addresses)
        nearby = self._allow_private and all(_is_nearby(address) for address in addresses)
        if not (everywhere or nearby):
            raise AddressRefused(f"the host {host} is not on the public internet")
        if not nearby and port not in PORTS:
            raise AddressRefused(f"port {port} is not one of {sorted(PORTS)}")
        return [str(address) for address in addresses]


def _is_nearby(address: Address) -> bool:
    """Whether the address is of this machine or the own network. Link-local addresses never are:
    under one of them clouds tell a machine its secrets."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return _is_nearby(address.ipv4_mapped)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_loopback or address.is_private


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for this request is over")
    return left


class _Hurried(httpcore.NetworkStream):
    """A connection on which every step has only what is left of the time for all of them."""

    def __init__(self, stream: httpcore.NetworkStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._end))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._end))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._end))
        return _Hurried(stream, self._end)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
