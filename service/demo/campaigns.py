"""The marketing of the made-up company Lumenforge: what runs, what it costs, what it brings.

Lumenforge sells lighting control systems to companies and sensors and lamps in a small shop.
`budget` is in whole units of `currency` for the whole year at scale 1; rates are shares between
0 and 1. A campaign without a sender costs nothing in ad spend.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from service.demo.days import Season

SITE = "https://www.lumenforge.example"
SHOP = "https://shop.lumenforge.example"


@dataclass(frozen=True)
class Variant:
    """One ad: its group, its name (`utm_content`) and its keyword (`utm_term`)."""

    ad_group: str = ""
    ad: str = ""
    term: str = ""


@dataclass(frozen=True)
class Campaign:
    """A way by which people come; `channel` is what the channel rules should make of it."""

    key: str
    channel: str
    source: str = ""
    medium: str = ""
    name: str = ""
    id: str = ""
    referrers: tuple[str, ...] = ("",)
    click_id: str = ""
    landing: tuple[str, ...] = ("/",)
    variants: tuple[Variant, ...] = (Variant(),)
    season: Season = "steady"
    sender: str = ""
    currency: str = "EUR"
    budget: int = 0
    companies: int = 0
    shoppers: int = 0
    lead_rate: float = 0.0
    accept_rate: float = 0.0
    won_rate: float = 0.0
    deal_size: int = 7_500
    order_rate: float = 0.0
    reject_reason: str = "not_icp"

    def touch(self, kind: str, content: str = "") -> dict[str, str]:
        """The `touch` member of a fact that this campaign led to."""
        parts = {
            "kind": kind,
            "source": self.source,
            "medium": self.medium,
            "campaign": self.name,
            "campaign_id": self.id,
            "content": content,
        }
        return {name: value for name, value in parts.items() if value}

    def query(self, variant: Variant) -> str:
        """The tagged part of a landing address; empty for traffic that carries no tags."""
        if not self.source:
            return ""
        tags = {
            "utm_source": self.source,
            "utm_medium": self.medium,
            "utm_campaign": self.name,
            "utm_id": self.id,
            "utm_content": variant.ad,
            "utm_term": variant.term,
        }
        return urlencode({name: value for name, value in tags.items() if value})


_GOOGLE = ("https://www.google.com/",)
_BING = ("https://www.bing.com/",)
_LINKEDIN = ("https://www.linkedin.com/",)
_META = ("https://l.facebook.com/", "https://l.instagram.com/")
_CONTROL = ("/solutions/lighting-control", "/pricing")
_WAREHOUSE = ("/solutions/warehouse-lighting",)
_GOODS = ("/products/motion-sensor", "/products/daylight-sensor", "/products/led-panel")


def _ads(group: str, *pairs: tuple[str, str]) -> tuple[Variant, ...]:
    return tuple(Variant(group, ad, term) for ad, term in pairs)


PAID_SEARCH = (
    Campaign(
        "brand", "paid_search", "google", "cpc", "Search | Brand | EU", "1101", _GOOGLE, "gclid",
        ("/", "/pricing"), _ads("Brand exact", ("Official site", "lumenforge")),
        sender="google_ads", budget=7_400, companies=300, shoppers=180,
        lead_rate=0.24, accept_rate=0.52, won_rate=0.080, deal_size=8_000, order_rate=0.14,
        reject_reason="price",
    ),
    Campaign(
        "brand_bing", "paid_search", "bing", "cpc", "Search | Brand | UK", "2101", _BING, "msclkid",
        ("/",), _ads("Brand exact", ("Official site", "lumenforge")),
        sender="microsoft_ads", currency="USD", budget=1_700, companies=80, shoppers=40,
        lead_rate=0.22, accept_rate=0.50, won_rate=0.075, order_rate=0.12, reject_reason="price",
    ),
    Campaign(
        "control", "paid_search", "google", "cpc", "Search | NonBrand | Lighting control | EU",
        "1102", _GOOGLE, "gclid", _CONTROL,
        _ads("Lighting control", ("Cut energy 40", "lighting control system"),
             ("Audit in a day", "industrial lighting control")),
        sender="google_ads", budget=37_000, companies=1_280,
        lead_rate=0.15, accept_rate=0.44, won_rate=0.088, deal_size=8_200,
        reject_reason="price",
    ),
    Campaign(
        "warehouse", "paid_search", "google", "cpc", "Search | NonBrand | Warehouse lighting | EU",
        "1103", _GOOGLE, "gclid", _WAREHOUSE,
        _ads("Warehouse", ("Brighter aisles", "warehouse lighting"),
             ("Plan your hall", "high bay lighting planner")),
        sender="google_ads", budget=26_000, companies=980,
        lead_rate=0.14, accept_rate=0.40, won_rate=0.076, deal_size=7_000,
    ),
    Campaign(
        "competitor", "paid_search", "google", "cpc", "Search | Competitor | Comparison", "1104",
        _GOOGLE, "gclid", ("/compare",),
        _ads("Comparison", ("Compare systems", "lighting control alternatives")),
        sender="google_ads", budget=13_500, companies=420,
        lead_rate=0.11, accept_rate=0.28, won_rate=0.050, deal_size=6_000,
    ),
    Campaign(
        "control_bing", "paid_search", "bing", "cpc", "Search | NonBrand | Lighting control | UK",
        "2102", _BING, "msclkid", _CONTROL,
        _ads("Lighting control", ("Cut energy 40", "lighting control system")),
        sender="microsoft_ads", currency="USD", budget=8_800, companies=330,
        lead_rate=0.14, accept_rate=0.45, won_rate=0.078, deal_size=7_500,
    ),
)  # fmt: skip

PAID_SHOPPING = (
    Campaign(
        "shopping", "paid_shopping", "google", "cpc", "Shopping | Sensors and lamps", "1201",
        _GOOGLE, "gclid", _GOODS, _ads("All products", ("Motion sensor", ""), ("LED panel", "")),
        sender="google_ads", budget=8_900, shoppers=1_150, order_rate=0.15,
    ),
    Campaign(
        "black_friday", "paid_shopping", "google", "cpc", "Shopping | Black Friday", "1202",
        _GOOGLE, "gclid", ("/sale",), _ads("Sale", ("Black Friday 30", "")),
        season="black_friday", sender="google_ads", budget=2_600, shoppers=260, order_rate=0.20,
    ),
)  # fmt: skip

PAID_SOCIAL = (
    Campaign(
        "li_leads", "paid_social", "linkedin", "paid_social", "LI | Lead gen | Facility managers",
        "3101", _LINKEDIN, "li_fat_id", ("/guides/energy-audit", "/demo"),
        _ads("Facility managers", ("Guide carousel", ""), ("Customer video", "")),
        sender="linkedin_ads", currency="USD", budget=47_500, companies=1_080,
        lead_rate=0.16, accept_rate=0.36, won_rate=0.058, deal_size=9_000,
    ),
    Campaign(
        "li_abm", "paid_social", "linkedin", "paid_social", "LI | ABM | Top 200 accounts", "3102",
        _LINKEDIN, "li_fat_id", ("/case-studies/cold-store", "/demo"),
        _ads("Top 200", ("Cold store case", "")),
        sender="linkedin_ads", currency="USD", budget=13_500, companies=280,
        lead_rate=0.13, accept_rate=0.55, won_rate=0.090, deal_size=12_000,
        reject_reason="no_budget",
    ),
    Campaign(
        "li_retargeting", "paid_social", "linkedin", "paid_social", "LI | Retargeting | Visitors 30d",
        "3103", _LINKEDIN, "li_fat_id", ("/demo", "/pricing"),
        _ads("Visitors 30d", ("Book a demo", "")),
        sender="linkedin_ads", currency="USD", budget=9_500, companies=30,
        lead_rate=0.15, accept_rate=0.45, won_rate=0.07,
    ),
    Campaign(
        "meta_lookalike", "paid_social", "facebook", "paid_social",
        "META | Prospecting | Lookalike 1%", "4101", _META, "fbclid", ("/guides/energy-audit",),
        _ads("Lookalike 1%", ("Free checklist", ""), ("Before and after", "")),
        sender="meta_ads", budget=17_000, companies=1_020, shoppers=120,
        lead_rate=0.22, accept_rate=0.10, won_rate=0.010, deal_size=4_500, order_rate=0.03,
    ),
    Campaign(
        "meta_retargeting", "paid_social", "facebook", "paid_social",
        "META | Retargeting | Visitors 30d", "4102", _META, "fbclid", ("/demo", "/"),
        _ads("Visitors 30d", ("Still comparing", "")),
        sender="meta_ads", budget=5_600, companies=20, shoppers=20,
        lead_rate=0.12, accept_rate=0.35, won_rate=0.05, order_rate=0.08,
    ),
    Campaign(
        "meta_catalogue", "paid_social", "instagram", "paid_social", "META | Catalogue | Sensors",
        "4103", _META, "fbclid", _GOODS, _ads("Catalogue", ("Dynamic product", "")),
        sender="meta_ads", budget=7_600, shoppers=850, order_rate=0.055,
    ),
)  # fmt: skip

OTHER_PAID = (
    Campaign(
        "native", "display", "adlane", "display", "Native | Awareness | Lighting guide", "5101",
        ("https://news.adlane.example/",), "", ("/guides/lighting-guide",),
        _ads("Business readers", ("10 mistakes", ""), ("What halls cost", "")),
        sender="adlane", currency="USD", budget=17_500, companies=900,
        lead_rate=0.03, reject_reason="spam",
    ),
    Campaign(
        "video", "paid_video", "youtube", "cpv", "YT | In-stream | How it works", "1301",
        ("https://www.youtube.com/",), "gclid", ("/solutions/lighting-control", "/"),
        _ads("Engineers", ("How it works 30s", "")),
        sender="google_ads", budget=13_000, companies=480, shoppers=100,
        lead_rate=0.07, accept_rate=0.34, won_rate=0.085, deal_size=6_500, order_rate=0.05,
    ),
    Campaign(
        "affiliate_deals", "affiliates", "dealfinder", "affiliate", "AFF | Deal sites", "6101",
        ("https://www.dealfinder.example/",), "", _GOODS, _ads("Coupons", ("Coupon page", "")),
        season="until_spring", sender="partner_network", budget=3_100, shoppers=420,
        order_rate=0.16,
    ),
    Campaign(
        "affiliate_reviews", "affiliates", "lampcritic", "affiliate", "AFF | Review blogs", "6102",
        ("https://lampcritic.example/",), "", ("/products/daylight-sensor",),
        _ads("Reviews", ("Top 5 sensors", "")),
        season="until_spring", sender="partner_network", budget=3_900, companies=120,
        shoppers=220, lead_rate=0.12, accept_rate=0.40, won_rate=0.07, order_rate=0.12,
    ),
    Campaign(
        "directory", "referral", "lighting-directory", "referral", "Directory | Listing", "6201",
        ("https://lighting-directory.example/",), "", ("/solutions/lighting-control",),
        companies=110, lead_rate=0.14, accept_rate=0.42, won_rate=0.07,
    ),
)  # fmt: skip

UNPAID = (
    Campaign(
        "organic", "organic_search",
        referrers=("https://www.google.com/", "https://www.google.com/", "https://www.bing.com/",
                   "https://duckduckgo.com/"),
        landing=("/", "/blog/relamping-costs", "/blog/lux-levels-explained",
                 "/solutions/warehouse-lighting", "/guides/lighting-guide"),
        companies=1_500, shoppers=760, lead_rate=0.10, accept_rate=0.42, won_rate=0.074,
        order_rate=0.11,
    ),
    Campaign(
        "social_posts", "organic_social", "linkedin", "social", "Posts | Project stories", "",
        _LINKEDIN, landing=("/case-studies/cold-store", "/case-studies/print-hall"),
        companies=170, lead_rate=0.06, accept_rate=0.38, won_rate=0.06,
    ),
    Campaign(
        "social_shares", "organic_social",
        referrers=("https://www.linkedin.com/", "https://l.facebook.com/", "https://www.reddit.com/"),
        click_id="fbclid", landing=("/blog/lux-levels-explained", "/"),
        companies=120, shoppers=180, lead_rate=0.05, accept_rate=0.36, won_rate=0.06,
        order_rate=0.05,
    ),
    Campaign(
        "referral", "referral",
        referrers=("https://tradelight-news.example/", "https://warehouse-weekly.example/"),
        landing=("/case-studies/cold-store", "/"),
        companies=200, shoppers=100, lead_rate=0.11, accept_rate=0.44, won_rate=0.075,
        order_rate=0.06,
    ),
    Campaign(
        "ai", "ai_assistant",
        referrers=("https://chatgpt.com/", "https://www.perplexity.ai/", "https://claude.ai/"),
        landing=("/compare", "/blog/relamping-costs", "/pricing"), season="rising",
        companies=240, shoppers=90, lead_rate=0.16, accept_rate=0.48, won_rate=0.085,
        deal_size=8_000, order_rate=0.11,
    ),
    Campaign(
        "direct", "direct", landing=("/", "/pricing", "/demo"),
        companies=700, shoppers=380, lead_rate=0.11, accept_rate=0.42, won_rate=0.066,
        order_rate=0.12,
    ),
)  # fmt: skip

OWNED = (
    Campaign(
        "newsletter", "email", "newsletter", "email", "Newsletter", "", landing=("/blog/monthly",),
    ),
    Campaign(
        "nurture", "email", "crm-mail", "email", "Nurture | New leads", "7101",
        landing=("/case-studies/cold-store", "/pricing"),
    ),
    Campaign(
        "cart", "email", "crm-mail", "email", "Lifecycle | Abandoned cart", "7102",
        landing=("/cart",),
    ),
    Campaign(
        "sms", "sms", "sms", "sms", "SMS | Flash weekend", "7201", landing=("/sale",),
    ),
)  # fmt: skip

CAMPAIGNS = PAID_SEARCH + PAID_SHOPPING + PAID_SOCIAL + OTHER_PAID + UNPAID + OWNED
BY_KEY = {campaign.key: campaign for campaign in CAMPAIGNS}
