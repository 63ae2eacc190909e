"""Addresses without variables, found in one step however many there are.

The formats of all senders have hundreds, and FastAPI tries its routes one after another, twice: a
message at the end of the list waited longer for its route than for the disk.
"""

from collections.abc import Awaitable, Callable
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]


class Addresses(BaseRoute):
    """Handlers by address and method; not described, so that what is to be described has a route
    of its own beside it."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, ASGIApp]] = {}

    def add(self, address: str, method: str, handler: Handler) -> None:
        """Serve the address; where it is served already, the first handler stays."""
        self._handlers.setdefault(address, {}).setdefault(method, request_response(handler))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        methods = self._handlers.get(_path(scope)) if scope["type"] == "http" else None
        if methods is None:
            return Match.NONE, {}
        known = scope["method"] in methods
        return Match.FULL if known else Match.PARTIAL, {"path_params": {}}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException 405 for a method that no handler takes."""
        methods = self._handlers[_path(scope)]
        handler = methods.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(methods)})
        await handler(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        raise NoMatchFound(name, dict(path_params))


def _path(scope: Scope) -> str:
    """The path below the one that a proxy keeps for us."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
