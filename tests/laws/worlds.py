"""Small worlds of facts for property tests: short ids, few instants, so that everything meets.

A statement is a dict as its sender writes it, with `sender` and `kind` beside it; its id is given
by its place, so that two senders use the same ids. Worlds hold nothing whose meaning is its moment
of arrival, except where a strategy says so. A world is made of several towns that share pages and
campaigns and nothing else (`~` in a name stands for the town): one pass over a world tries many.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

Statement = dict[str, Any]
World = list[Statement]

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
# Equal instants, the visit's gap of 30 minutes from both sides, a day and 90 days from both sides.
MINUTES = (0, 1, 29, 30, 31, 60, 1440, 1441, 1470, 44640, 129600, 129601)
MOMENTS = tuple((START + timedelta(minutes=m)).isoformat().replace("+00:00", "Z") for m in MINUTES)
DAYS = ("2026-03-01", "2026-03-02", "2026-04-01", "2026-05-30")
SENDERS = ("crm", "web")
PAGES = (
    "https://site.example/",
    "https://site.example/pricing",
    "https://site.example/?utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_id=42",
    "https://site.example/?utm_source=news&utm_medium=email",
    "https://site.example/?gclid=g1",
)
REFERRERS = (
    None,
    None,
    "https://www.google.com/",
    "https://site.example/pricing",
    "https://checkout.stripe.com/pay",
    "https://blog.example/post",
)
CLICKS: tuple[dict[str, str], ...] = (
    {
        "kind": "click",
        "source": "google",
        "medium": "cpc",
        "campaign": "spring",
        "campaign_id": "42",
    },
    {"kind": "email_open", "source": "news", "medium": "email"},
    {"kind": "call"},
    {"kind": "impression", "source": "facebook", "medium": "paid_social", "campaign": "spring"},
    {"kind": "offline", "channel": "fair"},
)
ANONYMOUS = ({"anonymous_id": "a1~"}, {"anonymous_id": "a2~"}, {"anonymous_id": "a3~"})
NAMED = (
    {"user_id": "u1~"},
    {"user_id": "u2~"},
    {"email": "ann@acme~.example"},
    {"email": "bob@acme~.example"},
    {"email": "cy~@gmail.com"},
    {"crm_contact_id": "c1~"},
)
ACCOUNTS: tuple[dict[str, str], ...] = (
    {"domain": "acme~.example"},
    {"id": "7~", "domain": "acme~.example"},
    {"id": "8~", "domain": "acme~.example"},
)
AMOUNTS = (
    ("0.01", "EUR"),
    ("100.00", "EUR"),
    ("33.33", "EUR"),
    ("12.345", "KWD"),
    ("50.00", "UAH"),
)
ITEMS = (
    [{"sku": "A", "quantity": 1, "amount": "10.00", "cost": "4.00"}],
    [{"sku": "A", "amount": "10.00", "cost": "4.00"}, {"sku": "B", "amount": "5.00"}],
)

moments = st.sampled_from(MOMENTS)
# Each town knows a few moments only, so that much of it happens at once: `@0` is its first.
town_moments = st.sampled_from(("@0", "@1", "@2", "@3"))
one = st.sampled_from(ANONYMOUS + NAMED)


@st.composite
def several(draw: st.DrawFn, least: int = 1) -> dict[str, str]:
    """Identifiers that one fact names side by side."""
    found: dict[str, str] = {}
    for part in draw(st.lists(one, min_size=least, max_size=draw(st.sampled_from((least, 2))))):
        found |= part
    return found


def _event(kind: str, **parts: Any) -> st.SearchStrategy[Statement]:
    return st.fixed_dictionaries(
        {"kind": st.just(kind), "sender": st.sampled_from(SENDERS), "occurred_at": town_moments}
        | {name: part if isinstance(part, st.SearchStrategy) else st.just(part)
           for name, part in parts.items()}
    )  # fmt: skip


def _without_nothing(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}


@st.composite
def _money(draw: st.DrawFn, part: dict[str, Any], least_amount: bool) -> dict[str, Any]:
    if least_amount or draw(st.booleans()):
        part["amount"], part["currency"] = draw(st.sampled_from(AMOUNTS))
        if part["currency"] == "EUR" and draw(st.integers(0, 3)) == 0:
            part["items"] = draw(st.sampled_from(ITEMS))
    return _without_nothing(part)


@st.composite
def _deal(draw: st.DrawFn) -> dict[str, Any]:
    part = {
        "id": draw(st.sampled_from(("D1~", "D2~"))),
        "stage": draw(st.sampled_from(("opportunity", "won", "won", "lost", None))),
        "lead_id": draw(st.sampled_from((None, None, "L1~", "L2~"))),
        "contacts": draw(st.sampled_from((None, None, [{"crm_contact_id": "c1~"}],
                                          [{"user_id": "u1~"}, {"user_id": "u2~"}]))),
    }  # fmt: skip
    return draw(_money(part, False))


@st.composite
def _order(draw: st.DrawFn) -> dict[str, Any]:
    status = draw(st.sampled_from(("completed", "completed", "refunded", "updated")))
    part = {"id": draw(st.sampled_from(("O1~", "O2~"))), "status": status}
    if status == "refunded":
        part["refund_id"] = draw(st.sampled_from((None, "R1", "R2")))
    return draw(_money(part, status != "refunded"))


page_parts = st.builds(
    lambda url, referrer: _without_nothing({"url": url, "referrer": referrer}),
    st.sampled_from(PAGES),
    st.sampled_from(REFERRERS),
)
pages = _event("page", identifiers=st.sampled_from(ANONYMOUS), page=page_parts)
bots = _event(
    "page",
    identifiers=st.sampled_from(ANONYMOUS + NAMED),
    account=st.sampled_from(ACCOUNTS),
    page=page_parts,
    context={"user_agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"},
)
touches = _event("touch", identifiers=several(), touch=st.sampled_from(CLICKS))
links = _event("identify", identifiers=several(2))
unlinks = _event(
    "unlink",
    identifiers={},
    unlink=st.fixed_dictionaries(
        {"left": st.sampled_from(ANONYMOUS), "right": st.sampled_from(NAMED)}
    ),
)
groups = _event("group", identifiers=several(), account=st.sampled_from(ACCOUNTS))
leads = _event(
    "lead",
    identifiers=several(0),
    lead=st.fixed_dictionaries(
        {"id": st.sampled_from(("L1~", "L2~")),
         "stage": st.sampled_from(("lead", "mql", "sql", "rejected"))}
    ),
)  # fmt: skip
deals = _event("deal", identifiers=several(0), deal=_deal())
company_deals = _event("deal", identifiers={}, deal=_deal(), account=st.sampled_from(ACCOUNTS))
orders = _event("order", identifiers=several(0), order=_order())


@st.composite
def spend_lines(draw: st.DrawFn, stated: bool = True, days: tuple[str, ...] = DAYS) -> Statement:
    """A spend line; `stated`: with the moment of the statement, so that its arrival says nothing."""
    line = {
        "date": draw(st.sampled_from(days)),
        "source": draw(st.sampled_from(("google", "facebook"))),
        "medium": "cpc",
        "campaign": draw(st.sampled_from(("spring", None))),
        "amount": draw(st.sampled_from(("10.00", "7.77", "-1.00"))),
        "currency": draw(st.sampled_from(("EUR", "UAH"))),
        "clicks": draw(st.sampled_from((None, 3))),
        "impressions": draw(st.sampled_from((None, 100))),
        "stated_at": draw(moments) if stated else None,
    }
    return {"kind": "spend", "sender": draw(st.sampled_from(SENDERS)), **_without_nothing(line)}


def _rates(days: tuple[str, ...]) -> World:
    return [
        {"kind": "rate", "sender": "crm", "date": day, "base": "EUR", "quote": "UAH", "rate": rate}
        for day, rate in zip(days, ("50", "49.5", "44.44"), strict=False)
    ]


# What a town is about; of each kind some meet in every world.
THEMES: tuple[tuple[st.SearchStrategy[Statement], ...], ...] = (
    (pages, pages, pages, pages, touches, touches, links, orders, bots),
    (leads, leads, deals, deals, deals, orders, orders, orders, touches, pages),
    (links, links, links, unlinks, unlinks, touches, touches, pages, orders, deals),
    (groups, groups, groups, company_deals, company_deals, orders, orders, touches, touches, bots),
)


def _many(of: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[list[Any]]:
    """So many of them, each number as likely: left to themselves lists are short."""
    return st.integers(least, most).flatmap(lambda n: st.lists(of, min_size=n, max_size=n))


@st.composite
def worlds(draw: st.DrawFn, spent: bool = True, rated: bool = True) -> World:
    """Four to eight towns of four to twenty statements each, and spend; rates of some days, each
    stated once."""
    found: World = []
    for number in range(draw(st.integers(4, 8))):
        # Not `one_of`, which takes a kind named twice for once.
        kinds = st.sampled_from(THEMES[number % len(THEMES)]).flatmap(lambda kind: kind)
        near = MOMENTS[:6] if number % 2 == 0 else MOMENTS
        known = draw(st.lists(st.sampled_from(near), min_size=4, max_size=4))
        found += [_in_town(said, str(number), known) for said in draw(_many(kinds, 4, 20))]
    if spent:
        found += draw(_many(spend_lines(), 0, 8))
    if rated:
        found += _rates(draw(st.sampled_from(((), DAYS[:1], DAYS[:3]))))
    return numbered(found)


def _in_town(part: Any, number: str, known: list[str]) -> Any:
    """The same with the town's number in its names and the town's moments."""
    if isinstance(part, dict):
        return {name: _in_town(value, number, known) for name, value in part.items()}
    if isinstance(part, list):
        return [_in_town(value, number, known) for value in part]
    if isinstance(part, str) and part.startswith("@"):
        return known[int(part[1:])]
    return part.replace("~", number) if isinstance(part, str) else part


def numbered(statements: World) -> World:
    """Ids e0, e1, … within each sender; rates and spend lines go without."""
    count = dict.fromkeys(SENDERS, 0)
    for statement in statements:
        if statement["kind"] not in ("spend", "rate"):
            statement["id"] = f"e{count[statement['sender']]}"
            count[statement["sender"]] += 1
    return statements


@st.composite
def deliveries(draw: st.DrawFn, world: World) -> list[tuple[World, bool]]:
    """The same world as it may arrive: in another order, some of it twice, in batches, each with
    whether the mart is brought up to date after it."""
    order = draw(st.permutations(range(len(world))))
    again = draw(st.lists(st.sampled_from(range(len(world))), max_size=4))
    items = [world[i] for i in [*order, *again]]
    edges = [0, *sorted(draw(st.integers(0, len(items))) for _ in range(2)), len(items)]
    refreshes = st.sampled_from((True, True, False))
    return [(items[a:b], draw(refreshes)) for a, b in pairwise(edges)]
