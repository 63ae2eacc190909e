"""Who asks, and whether he may: bearer key, Basic with the key as user name, or the dashboard's
session. Keys never travel in an address."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase

from service.api.parts import Parts, parts_of
from service.kit.errors import Forbidden, Unauthenticated
from service.ledger.keys import Caller
from service.web.session import session_of

DASHBOARD = Caller(0, 0, "dashboard", frozenset({"read", "people"}))


class Described(SecurityBase):
    """A way to send a key, for the API's description alone: the key itself is read by `key_in`.
    FastAPI's own classes refuse Basic without a colon, which SDKs send."""

    def __init__(self, scheme: str, name: str, description: str) -> None:
        self.model = HTTPBase(scheme=scheme, description=description)
        self.scheme_name = name

    async def __call__(self) -> None:
        return None


_bearer = Described("bearer", "HTTPBearer", "A key made with `throughline keys create`.")
_basic = Described("basic", "HTTPBasic", "The key as user name, the password empty.")


def key_in(authorization: str) -> str | None:
    """The key of an Authorization header; SDKs leave the colon of Basic out at times."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip() or None
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return text.partition(":")[0] or None
    return None


def caller_of(request: Request, parts: Parts) -> Caller:
    """The caller by key, else by session. Raises Unauthenticated."""
    key = key_in(request.headers.get("authorization", ""))
    if key is not None:
        return parts.keys.caller(key)
    if session_of(request) is not None:
        return DASHBOARD
    raise Unauthenticated(
        "no_key", "Send a key: `Authorization: Bearer KEY`. `throughline keys create` makes one."
    )


def demand(caller: Caller, *scopes: str) -> Caller:
    """The caller, when he has one of the scopes. Raises Forbidden."""
    if not caller.scopes.intersection(scopes):
        raise Forbidden(
            "scope_missing",
            f"This needs a key with scope {' or '.join(scopes)}; "
            f"yours has {', '.join(sorted(caller.scopes))}.",
        )
    return caller


def needs(*scopes: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who has one of the scopes."""

    # Not a plain function: FastAPI would run it in another thread, which costs more than it does.
    async def check(
        request: Request,
        bearer: Annotated[None, Security(_bearer)],
        basic: Annotated[None, Security(_basic)],
    ) -> Caller:
        return demand(caller_of(request, parts_of(request)), *scopes)

    return check


Reader = Annotated[Caller, Depends(needs("read", "people"))]
PeopleReader = Annotated[Caller, Depends(needs("people"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
SourceReader = Annotated[Caller, Depends(needs("read", "admin"))]
Collector = Annotated[Caller, Depends(needs("collect", "facts"))]
Server = Annotated[Caller, Depends(needs("facts"))]
