"""Every number that the dashboard shows links to its explanation, and the explanation makes it.

Links are followed as a reader would: over a small demo world, by HTTP, to the last page.
"""

import csv
import html
import io
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from service import loading
from service.demo import build_world
from service.ledger.read import last_seq
from service.web.explaining import kind_of
from service.web.format import Formatter
from tests.api.harness import NOW, Service, order, running

pytestmark = pytest.mark.anyio
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
LINK = re.compile(r'<a class="why" href="([^"]+)">(.*?)</a>', re.S)
PART = re.compile(r'<tr role="row">\s*<th scope="row".*?</tr>', re.S)
ROUNDED = Decimal("0.000001")


@dataclass(frozen=True)
class Link:
    """A number that was shown: where it leads, how it is written, and exactly, where that is said."""

    href: str
    text: str
    exact: Decimal | None

    @property
    def asked(self) -> dict[str, str]:
        return {name: last for name, (*_, last) in parse_qs(urlsplit(self.href).query).items()}

    @property
    def measure(self) -> str:
        return self.asked.get("measure", "revenue")


def links_of(page: str) -> Iterator[Link]:
    for href, inside in LINK.findall(page):
        inside = re.sub(r'<span class="away">.*?</span>', "", inside)
        value = re.search(r'<data value="(-?[0-9.]+)"', inside)
        text = html.unescape(re.sub(r"<[^>]+>", "", inside))
        yield Link(html.unescape(href), text, Decimal(value[1]) if value else None)


class Reader:
    """A browser that has signed in."""

    def __init__(self, service: Service) -> None:
        self._client, self.service = service.client, service
        self.formatter = Formatter("EUR", service.parts.settings.zone)
        self._sums: dict[str, Decimal] = {}

    async def sign_in(self) -> None:
        link = self.service.parts.signin.new_link("http://test")
        token = link.partition("token=")[2]
        await self._client.post("/sign-in", data={"token": token}, headers=BROWSER)

    async def get(self, address: str) -> str:
        answer = await self._client.get(address, headers=BROWSER)
        assert answer.status_code == 200, (address, answer.text)
        return answer.text

    async def explained(self, link: Link) -> Decimal | None:
        """The number that the explanation makes: the sum of its parts, or the ratio of its terms."""
        if link.href in self._sums:
            return self._sums[link.href]
        page = await self.get(link.href)
        terms = re.search(r'<ul class="cards terms".*?</ul>', page, re.S)
        if terms is not None:
            return await self._ratio(link.measure, list(links_of(terms[0])))
        total = Decimal(0)
        while True:
            for row in PART.findall(page):
                part = re.search(r'<data value="([^"]+)"', row)
                total += Decimal(part[1]) if part else 1
            following = re.search(r'rel="next" href="([^"]+)"', page)
            if following is None:
                break
            page = await self.get(html.unescape(following[1]))
        said = re.search(r'<h1 id="headline">([^<]+)</h1>', page)
        assert said is not None
        full = self.formatter.full(kind_of(link.measure), total)
        assert html.unescape(said[1]).startswith(full + " "), (link, said[1], full)
        self._sums[link.href] = total
        return total

    async def _ratio(self, measure: str, terms: list[Link]) -> Decimal | None:
        numbers = [await self.explained(term) for term in terms]
        for term, number in zip(terms, numbers, strict=True):
            assert term.exact == number
        *above, below = (number or Decimal(0) for number in numbers)
        return (above[0] - sum(above[1:])) / below if below else None

    async def _share(self, link: Link, missing: Decimal) -> None:
        """Of a move against the compared days nothing: the explanation shows both numbers. Of what
        is covered: the link leads to what is missing, the rest of the total is covered."""
        if link.exact is not None:
            whole = await self.explained(Link(re.sub("&?cell=[^&]*", "", link.href), "", None))
            assert whole
            assert abs(1 - missing / whole - link.exact) <= ROUNDED, (link, missing, whole)

    async def check(self, link: Link) -> None:
        """Raises AssertionError unless what explains the number makes what was shown."""
        made = await self.explained(link)
        kind = kind_of(link.measure)
        assert made is not None, link
        if link.text.endswith(("%", "\N{MULTIPLICATION SIGN}")) and kind not in (
            "percent",
            "ratio",
        ):
            await self._share(link, made)
            return
        if link.exact is not None and kind in ("percent", "ratio"):
            assert abs(made - link.exact) <= ROUNDED, (link, made)
        elif link.exact is not None and link.measure in ("cpl", "cpa", "cac"):
            assert abs(made - link.exact) <= Decimal("0.005"), (link, made)
        elif link.exact is not None:
            assert made == link.exact, (link, made)
        f = self.formatter
        ways = (f.money(made), f.money(made, places=0), f.show(kind, made), f.count(made, 1))
        assert link.text in (*ways, f.count(made, 0), f.count(made)), (link, made)


@pytest.fixture(scope="module")
async def reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    """The dashboard of a small demo world."""
    async with running(tmp_path_factory.mktemp("world")) as service:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loading, "build_world", lambda until: build_world(until, scale=0.1))
            loading.load_demo(service.parts.engine, service.parts.reader, NOW)
        service.parts.desk.include(last_seq(service.parts.engine))
        made = Reader(service)
        await made.sign_in()
        yield made


async def test_every_number_of_the_overview_is_made_of_what_its_link_shows(reader: Reader) -> None:
    page = await reader.get("/")
    links = list(links_of(page))
    for link in links:
        await reader.check(link)


ALL = "spend,impressions,clicks,visits,leads,mqls,sqls,opportunities,won,revenue,margin,cpl,cpa,cac,roas,romi_revenue,romi_margin,drr"


@pytest.mark.parametrize(
    ("address", "every"),
    [
        (f"/?period=last_month&columns={ALL}&model=linear&basis=touch&compare=none", 7),
        ("/?period=12m&metric=visits&conversion=lead&compare=year&lookback=7d", 5),
        ("/?period=7d&model=markov&compare=none", 5),
        ("/channels/paid_search?period=90d&compare=none", 3),
        ("/channels/paid_search?campaign={}&period=90d&compare=none&include=bots", 3),
    ],
)
async def test_numbers_of_other_questions_and_pages(
    reader: Reader, address: str, every: int
) -> None:
    """One of so many, for each is several questions."""
    if "{}" in address:
        names = await reader.get("/channels/paid_search?period=90d&compare=none")
        campaign = re.search(r'<a href="/channels/[^"]*campaign=([^"&]+)', names)
        assert campaign
        address = address.format(campaign[1])
    links = list(links_of(await reader.get(address)))
    assert len(links) > 2 * every
    for link in links[::every]:
        await reader.check(link)


async def test_unattributed_by_reason_is_made_of_its_conversions(fresh: Service) -> None:
    """Two orders of nobody and one of a person never seen: each reason has its own."""
    await fresh.tell(
        order(None, "2026-03-10T10:00:00Z", "30.00"),
        order(None, "2026-03-11T10:00:00Z", "12.50"),
        order({"email": "ann@acme.example"}, "2026-03-12T10:00:00Z", "7.00"),
    )
    reader = Reader(fresh)
    await reader.sign_in()
    asked = {"from": "2026-03-01", "to": "2026-04-01"}
    whole = await fresh.ask("/v1/explain", cell="unattributed", **asked)
    assert whole["number"] == 49.5
    one = await fresh.ask("/v1/explain", cell="unattributed:no_person", **asked)
    assert (one["number"], one["count"], one["cell"]["text"]) == (42.5, 2, "unattributed:no_person")
    assert {item["reason"] for item in one["items"]} == {"no_person"}
    none = await fresh.ask("/v1/explain", cell="unattributed:no_eligible_channel", **asked)
    assert (none["number"], none["count"]) == (0, 0)
    links = list(links_of(await reader.get("/")))
    reasons = [link for link in links if "unattributed:" in link.asked.get("cell", "")]
    assert sorted(link.exact for link in reasons) == [1, 2, 7, Decimal("42.5")]
    for link in links:
        await reader.check(link)


async def test_a_measure_that_does_not_exist_is_refused(reader: Reader) -> None:
    answer = await reader.service.client.get("/explain?measure=happiness", headers=BROWSER)
    assert answer.status_code == 422
    assert "measures of roi" in answer.text


async def test_the_parts_as_csv(reader: Reader) -> None:
    page = await reader.get("/explain?measure=spend&cell=channel:paid_search")
    address = re.search(r'href="(/v1/explain\.csv[^"]+)" download', page)
    assert address
    rows = list(csv.DictReader(io.StringIO(await reader.get(html.unescape(address[1])))))
    spent = sum(Decimal(row["part"]) for row in rows)
    said = re.search(r"together they are €([\d,.]+) exactly", page)
    assert said
    assert spent == Decimal(said[1].replace(",", ""))
