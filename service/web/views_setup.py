"""Set up: a key and the snippet for a website, and whether anything has arrived from it yet."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.collect.formats import formats
from service.collect.hooks import hook_formats
from service.collect.wire import Endpoint
from service.kit.errors import Refusal
from service.ledger.intake import list_sources
from service.ledger.keys import create_key
from service.web.forms import read_form
from service.web.pages import HEADERS, render
from service.web.parts import parts_of
from service.web.session import session_of
from service.web.views_overview import base_url_of

NO_KEY = "YOUR_PUBLIC_KEY"
TAKEN = ("accepted", "duplicate")
FIRST = ("snippet", "pixel")
"""Formats that have a place of their own on the page."""


@dataclass(frozen=True)
class Arrival:
    """What a website sent so far: events taken, and refused ones by the code of their reason."""

    site: str
    taken: int
    refused: dict[str, int]

    @property
    def again(self) -> str:
        """Where to ask again, naming what the reader has seen."""
        asked = {"site": self.site, "seen": str(sum(self.refused.values()))}
        return f"/setup/arrival?{urlencode(asked)}"


@dataclass(frozen=True)
class OtherSender:
    """A client that can be pointed here: what it is called and where it posts."""

    title: str
    address: str
    more: int


def show_setup(request: Request, site: str = "") -> Response:
    """The snippet with this service's address; the key is known only once it is made."""
    return _page(request, site[:100].strip())


async def make_key(request: Request) -> Response:
    """A new key for a website, shown in this answer and never again."""
    form = await read_form(request)
    site, parts = form.get("site", "").strip(), parts_of(request)
    try:
        key, _ = create_key(parts.engine, site, ["collect"], parts.clock())
    except Refusal as refusal:
        return _page(request, site[:100], status=422, problem=refusal.detail)
    return _page(request, site, key)


def show_arrival(request: Request, site: str = "", seen: str = "") -> Response:
    """What has arrived, as a part of the page; 204 where it is no more than the reader has seen."""
    if session_of(request) is None:
        return render(request, "arrival.html", 401, arrival=None)
    arrival = arrival_of(request, site)
    if arrival is not None and not arrival.taken and str(sum(arrival.refused.values())) == seen:
        return Response(status_code=204, headers=HEADERS)
    return render(request, "arrival.html", arrival=arrival)


def arrival_of(request: Request, site: str) -> Arrival | None:
    """What the website sent; without a name or of an unknown one, None."""
    parts = parts_of(request)
    for source in list_sources(parts.engine, parts.clock()):
        if source["name"] == site:
            outcomes: dict[str, int] = source["outcomes"]
            refused = {code: n for code, n in outcomes.items() if code not in TAKEN}
            return Arrival(site, sum(outcomes.get(name, 0) for name in TAKEN), refused)
    return None


def _page(
    request: Request, site: str, key: str = "", status: int = 200, problem: str = ""
) -> Response:
    address = base_url_of(request)
    return render(
        request,
        "setup.html",
        status,
        site=site,
        key=key,
        problem=problem,
        address=address,
        snippet=snippet_for(address, key or NO_KEY),
        arrival=arrival_of(request, site),
        senders=other_senders(address),
        hooks=[wire.title for wire in hook_formats().values()],
    )


def snippet_for(address: str, key: str) -> str:
    """What to paste into a page. The first part keeps what is called before the script is there."""
    return f"""<script>
  window.throughline = window.throughline || {{q: []}};
  ["track", "identify"].forEach(function (name) {{
    throughline[name] = throughline[name] || function () {{
      throughline.q.push([name, arguments]);
    }};
  }});
</script>
<script async src="{address}/t.js" data-key="{key}"></script>"""


def other_senders(address: str) -> list[OtherSender]:
    """Every wire format that is described, with the address its clients post to."""
    found = []
    for name, wire in formats().items():
        ends: list[Any] = [e for e in wire.endpoints if isinstance(e, Endpoint) and e.summary]
        if ends and name not in FIRST:
            found.append(OtherSender(wire.title, f"{address}{ends[0].paths[0]}", len(ends) - 1))
    return found
