"""Examples of the API's description for links."""

from typing import Any

from pydantic import Field

from service.collect.links import CODE, Link


class NewLink(Link):
    """A link to be registered; `code` is made where none is given."""

    code: str | None = Field(None, pattern=f"^{CODE.pattern}$")


NEW_LINK: Any = {
    "code": "spring-poster",
    "target": "https://example.com/spring",
    "sender": "posters",
    "source": "poster",
    "medium": "offline",
    "campaign": "spring",
}
LINK: Any = {
    "address": "https://throughline.example.com/r/spring-poster",
    "code": "spring-poster",
    "target": "https://example.com/spring",
    "sender": "posters",
    "source": "poster",
    "medium": "offline",
    "campaign": "spring",
    "campaign_id": None,
    "content": None,
    "term": None,
    "channel": None,
    "carry_click": False,
    "created_at": "2026-03-01T09:00:00Z",
}
LINKS: Any = {"items": [LINK]}
