"""Visits: the page facts of the website tag, with tags, click ids and referrers as browsers send.

Channels are left to the channel rules: a page carries only its address and its referrer.
"""

import random
from itertools import accumulate

from service.demo.campaigns import BY_KEY, SHOP, SITE, Campaign
from service.demo.days import DAY, LENGTH, Audience
from service.demo.scene import Scene, Visitor

_COMPANY_PAGES = (
    "/", "/pricing", "/solutions/lighting-control", "/solutions/warehouse-lighting",
    "/case-studies/cold-store", "/case-studies/print-hall", "/blog/relamping-costs",
    "/blog/lux-levels-explained", "/compare", "/about", "/guides/energy-audit",
)  # fmt: skip
_SHOP_PAGES = (
    "/products/motion-sensor", "/products/daylight-sensor", "/products/led-panel",
    "/products/dimmer", "/products/gateway", "/sale", "/delivery", "/cart",
)  # fmt: skip
_PAGE_COUNTS = (1, 2, 3, 4, 5, 7)
_PAGE_WEIGHTS = list(accumulate((52, 23, 12, 7, 4, 2)))
_CLICK_PREFIX = {"gclid": "Cj0KCQ", "msclkid": "m", "fbclid": "IwAR", "li_fat_id": "li-"}
# Auto-tagged clicks whose tracking template was lost carry the click id and nothing else.
_ONLY_CLICK_ID = 0.05
# How a person who has been here before comes back: weights of campaign keys.
_RETURNS = {
    "unknown": {
        "direct": 26, "organic": 24, "brand": 15, "brand_bing": 3, "li_retargeting": 13,
        "meta_retargeting": 8, "social_posts": 5, "referral": 4, "ai": 2,
    },
    "known": {
        "nurture": 34, "direct": 28, "organic": 14, "brand": 12, "li_retargeting": 8,
        "meta_retargeting": 4,
    },
    "buyer": {
        "direct": 30, "organic": 18, "cart": 16, "brand": 12, "meta_retargeting": 10,
        "shopping": 10, "ai": 4,
    },
}  # fmt: skip


class Traffic:
    """Writes visits and counts the paid ones, as spend is derived from them."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self._scene = scene
        self._rng = rng
        self._queries: dict[tuple[str, int], str] = {}
        self._returns = {
            kind: ([BY_KEY[key] for key in weights], list(accumulate(weights.values())))
            for kind, weights in _RETURNS.items()
        }

    def way_back(self, kind: str) -> Campaign:
        """A campaign by which an `unknown`, `known` or `buyer` visitor returns."""
        ways, weights = self._returns[kind]
        return self._rng.choices(ways, cum_weights=weights)[0]

    def visit(
        self,
        second: int,
        visitor: Visitor,
        campaign: Campaign,
        audience: Audience = "companies",
        then: tuple[str, ...] = (),
        user_id: str = "",
    ) -> int:
        """One visit from its landing page on; returns the second of its last page.

        `then` names the pages the visit must end with (a form, a checkout). Pages that lie
        beyond the end of the year are not written.
        """
        host = SHOP if audience == "shoppers" else SITE
        url, referrer = self.landing(campaign, host, second)
        pool = _SHOP_PAGES if audience == "shoppers" else _COMPANY_PAGES
        extra = self._rng.choices(_PAGE_COUNTS, cum_weights=_PAGE_WEIGHTS)[0] - 1
        paths = [self._rng.choice(pool) for _ in range(extra)] + list(then)
        self.page(second, visitor, url, referrer, user_id)
        for path in paths:
            url, referrer = host + path, url
            second += self._rng.randrange(15, 260)
            self.page(second, visitor, url, referrer, user_id)
        return second

    def page(
        self, second: int, visitor: Visitor, url: str, referrer: str = "", user_id: str = ""
    ) -> None:
        """One page fact; its title is made from the path."""
        path = url.partition("?")[0].partition(".example")[2]
        title = path.strip("/").rpartition("/")[2].replace("-", " ").capitalize() or "Home"
        page = {"url": url, "title": f"{title} | Lumenforge"}
        if referrer:
            page["referrer"] = referrer
        identifiers = {"anonymous_id": visitor.anonymous_id}
        if user_id:
            identifiers["user_id"] = user_id
        context = {"user_agent": visitor.user_agent}
        self._scene.book.add("website", second, "page", identifiers, page=page, context=context)

    def landing(self, campaign: Campaign, host: str, second: int) -> tuple[str, str]:
        """A landing address and its referrer; a paid one is counted as seen on its day."""
        variant = self._rng.randrange(len(campaign.variants))
        referrer = self._rng.choice(campaign.referrers)
        if campaign.sender and second < LENGTH:
            self._scene.clicks[campaign.key, variant, second // DAY] += 1
        key = (campaign.key, variant)
        if key not in self._queries:
            self._queries[key] = campaign.query(campaign.variants[variant])
        query = self._queries[key]
        if campaign.click_id and (query or "facebook" in referrer):
            token = f"{_CLICK_PREFIX[campaign.click_id]}{self._rng.getrandbits(64):016x}"
            tagged = f"{campaign.click_id}={token}"
            lost = campaign.channel == "paid_search" and self._rng.random() < _ONLY_CLICK_ID
            query = tagged if lost or not query else f"{query}&{tagged}"
        path = self._rng.choice(campaign.landing)
        return (f"{host}{path}?{query}" if query else host + path), referrer
