"""Who asks, and whether he may: bearer key, Basic with the key as user name, or the dashboard's
session. Keys never travel in an address."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBasic, HTTPBearer

from service.api.parts import Parts, parts_of
from service.kit.errors import Forbidden, Unauthenticated
from service.ledger.keys import Caller
from service.web.session import session_of

DASHBOARD = Caller(0, 0, "dashboard", frozenset({"read", "people"}))
_bearer = HTTPBearer(auto_error=False, description="A key made with `throughline keys create`.")
_basic = HTTPBasic(auto_error=False, description="The key as user name, the password empty.")


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


def needs(*scopes: str) -> Callable[..., Caller]:
    """A dependency: the caller, who has one of the scopes."""

    def check(
        request: Request,
        bearer: Annotated[object, Security(_bearer)] = None,
        basic: Annotated[object, Security(_basic)] = None,
    ) -> Caller:
        return demand(caller_of(request, parts_of(request)), *scopes)

    return check


Reader = Annotated[Caller, Depends(needs("read", "people"))]
PeopleReader = Annotated[Caller, Depends(needs("people"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
SourceReader = Annotated[Caller, Depends(needs("read", "admin"))]
