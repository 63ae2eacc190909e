"""The same answers in plain Python, one statement at a time: slow, small, and made of nothing of
the derivation. Nobody is shared here; scope is the person."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.kit.time import to_micros
from tests.laws.ledgers import READER
from tests.laws.worlds import Statement, World

GAP = timedelta(minutes=30) // timedelta(microseconds=1)
KNOWN = ("user_id", "email", "phone", "crm_contact_id")
# source, medium, campaign, campaign_id and the channel of each page of the worlds …
BY_PAGE = {
    "utm_source=google": (("google", "cpc", "spring", "42"), "paid_search"),
    "utm_source=news": (("news", "email", None, None), "email"),
    "gclid=": (("google", "cpc", None, None), "paid_search"),
}
# … and of each referrer, where the page says nothing; a till and our own pages are inside.
BY_REFERRER = {
    "https://www.google.com/": (("google", "organic", None, None), "organic_search"),
    "https://blog.example/post": (("blog.example", "referral", None, None), "referral"),
}
INSIDE = ("https://site.example/pricing", "https://checkout.stripe.com/pay")
CHANNEL_OF_CLICK = {
    "google": "paid_search",
    "news": "email",
    "facebook": "paid_social",
    None: "unassigned",
}

Place = tuple[int, str, str]
Contact = tuple[int, int, str, str, str, str]
"""occurred_at, tie, public id of the person, channel, sender, id of the fact."""


def micros(text: str) -> int:
    return to_micros(datetime.fromisoformat(text))


def place(statement: Statement) -> Place:
    """When it happened; at one instant by sender, then by id."""
    return micros(statement["occurred_at"]), statement["sender"], statement["id"]


def stored(identifiers: Mapping[str, str]) -> list[str]:
    """As the ledger names them: those that name a person first."""
    found = [
        (kind not in KNOWN, kind, READER.read(kind, value)) for kind, value in identifiers.items()
    ]
    return [f"{kind}:{one.value}" for _, kind, one in sorted(found, key=lambda f: f[:2]) if one]


@dataclass
class People:
    """Who is who."""

    person_of: dict[str, str] = field(default_factory=dict)
    first_at: dict[str, int] = field(default_factory=dict)

    def of(self, identifiers: Mapping[str, str]) -> str | None:
        """The person of a fact: that of its first identifier, named ones first, then by name."""
        names = sorted((n.partition(":")[0] not in KNOWN, n) for n in stored(identifiers))
        return self.person_of[names[0][1]] if names else None


def people_of(world: World) -> People:
    """Connected components of what was named together and not taken apart since."""
    seen: dict[str, int] = {}
    linked: dict[frozenset[str], int] = {}
    parted: dict[frozenset[str], int] = {}
    for statement in world:
        at = micros(statement["occurred_at"]) if "occurred_at" in statement else 0
        for group in _mentions(statement):
            names = stored(group)
            for name in names:
                seen[name] = min(seen.get(name, at), at)
            for pair in _pairs(names):
                linked[pair] = max(linked.get(pair, at), at)
        if statement["kind"] == "unlink":
            (left,), (right,) = (stored(statement["unlink"][side]) for side in ("left", "right"))
            pair = frozenset((left, right))
            parted[pair] = max(parted.get(pair, at), at)
    group = {name: {name} for name in seen}
    for pair, at in linked.items():
        if at > parted.get(pair, -1):
            left, right = pair
            merged = group[left] | group[right]
            group |= dict.fromkeys(merged, merged)
    people = People()
    for name, members in group.items():
        first = min((seen[m], m) for m in members)
        public = "p_" + hashlib.md5(first[1].encode(), usedforsecurity=False).hexdigest()[:16]
        people.person_of[name], people.first_at[public] = public, first[0]
    return people


def _mentions(statement: Statement) -> Iterable[Mapping[str, str]]:
    if "context" in statement:  # a bot says nothing about anybody
        return
    if statement.get("identifiers"):
        yield statement["identifiers"]
    yield from statement.get("deal", {}).get("contacts", ())
    yield from statement.get("unlink", {}).values()


def _pairs(names: list[str]) -> list[frozenset[str]]:
    return [frozenset((a, b)) for i, a in enumerate(names) for b in names[i + 1 :]]


def origin(page: Mapping[str, str]) -> tuple[tuple[str | None, ...] | None, str, bool]:
    """What a page view came by, its channel, and whether it was reached from the inside."""
    for sign, (key, channel) in BY_PAGE.items():
        if sign in page["url"]:
            return key, channel, False
    referrer = page.get("referrer")
    if referrer in BY_REFERRER:
        return *BY_REFERRER[referrer], False
    return None, "direct", referrer in INSIDE


def contacts_of(world: World, people: People) -> dict[str, list[Contact]]:
    """Each person's touchpoints, oldest first."""
    views: dict[str, list[Statement]] = defaultdict(list)
    sent: dict[str, list[Statement]] = defaultdict(list)
    for statement in world:
        if statement["kind"] in ("page", "touch") and "context" not in statement:
            person = people.of(statement["identifiers"])
            assert person is not None
            (views if statement["kind"] == "page" else sent)[person].append(statement)
    found: dict[str, list[Contact]] = {}
    for person in views.keys() | sent.keys():
        contacts = [*_visits(person, views[person]), *_touches(person, sent[person])]
        found[person] = sorted(contacts)
    return found


def _visits(person: str, views: list[Statement]) -> Iterable[Contact]:
    running: tuple[str | None, ...] | None = None
    last: int | None = None
    at_once: dict[int, int] = defaultdict(int)
    for view in sorted(views, key=place):
        at, sender, fact = place(view)
        key, channel, inside = origin(view["page"])
        starts = last is None or (at - last >= GAP and not inside)
        if starts or (key is not None and key != running):
            yield at, at_once[at], person, channel, sender, fact
            at_once[at] += 1
            running = key
        last = at


def _touches(person: str, touches: list[Statement]) -> Iterable[Contact]:
    at_once: dict[int, int] = defaultdict(int)
    for touch in sorted(touches, key=place):
        at, sender, fact = place(touch)
        said = touch["touch"]
        channel = said.get("channel") or CHANNEL_OF_CLICK[said.get("source")]
        # Those sent come before the visits they led to.
        yield at, at_once[at] - 10**6, person, channel, sender, fact
        at_once[at] += 1


@dataclass
class Conversion:
    """An object that reached a stage; amounts are (part, minor units, currency, occurred_at).

    `lead_stages`: when its lead, or else the first lead of its people, was created and became mql
    and sql; not what came after the conversion.
    """

    conversion_id: str
    occurred_at: int
    state: str | None
    people: set[str]
    person: str | None
    lead_stages: tuple[int | None, ...]
    amounts: list[tuple[str, int, str, int]]


def conversions_of(world: World, people: People) -> dict[str, Conversion]:
    """Every stage that a lead, deal or order has reached by all that was said of it."""
    told: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for statement in sorted(
        (s for s in world if s["kind"] in ("lead", "deal", "order")), key=place
    ):
        told[statement["kind"], statement[statement["kind"]]["id"]].append(statement)
    found = {}
    for (kind, name), statements in told.items():
        lead = next(
            (s[kind]["lead_id"] for s in reversed(statements) if "lead_id" in s[kind]), None
        )
        of_lead = told.get(("lead", lead), [])
        who = _concerned(statements, of_lead, people)
        stages = (_stage(s) for s in reversed(statements))
        state = next((stage for stage in stages if stage not in (None, "updated")), None)
        own = statements if kind == "lead" else of_lead
        theirs = [] if kind == "lead" else [
            s for s in world if s["kind"] == "lead" and people.of(s["identifiers"]) in who
        ]  # fmt: skip
        for stage, at, amounts in _STAGES[kind](statements):
            found[f"{stage}:{kind}:{name}"] = Conversion(
                f"{stage}:{kind}:{name}", at, state, set(who), _main(who, people),
                tuple(_lead_stages_by(at, own, theirs)), amounts,
            )  # fmt: skip
    return found


def _lead_stages_by(
    end: int, own: list[Statement], theirs: list[Statement]
) -> Iterable[int | None]:
    theirs = [s for s in theirs if micros(s["occurred_at"]) <= end]
    for stages in (("lead", "mql", "sql", "rejected"), ("mql", "sql"), ("sql",)):
        at = [
            min((micros(s["occurred_at"]) for s in told if _stage(s) in stages), default=None)
            for told in (own, theirs)
        ]
        first = at[1] if at[0] is None else at[0]
        yield first if first is not None and first <= end else None


def _stage(statement: Statement) -> str | None:
    part = statement[statement["kind"]]
    found: str | None = part.get("stage") or part.get("status")
    return found


def _concerned(
    statements: list[Statement], leads: list[Statement], people: People
) -> dict[str, int]:
    """People with the rank of their nearest tie: senders in order, contacts, people of the lead."""
    who: dict[str, int] = {}
    contacts = [c for s in statements for c in s[s["kind"]].get("contacts", ())]
    ranked = [(n, s["identifiers"]) for n, s in enumerate(statements)]
    ranked += [(1000, c) for c in contacts] + [(2000, s["identifiers"]) for s in leads]
    for rank, identifiers in ranked:
        if (person := people.of(identifiers)) is not None:
            who[person] = min(who.get(person, rank), rank)
    return who


def _main(who: dict[str, int], people: People) -> str | None:
    return min(who, key=lambda p: (who[p], people.first_at[p], p), default=None)


Reached = list[tuple[str, int, list[tuple[str, int, str, int]]]]


def minor(amount: str, currency: str) -> int:
    whole, _, part = amount.partition(".")
    digits = {"EUR": 2, "UAH": 2, "KWD": 3}[currency]
    return int(whole) * 10**digits + int(part.ljust(digits, "0"))


def _amount(part: Mapping[str, Any]) -> tuple[int, str]:
    return minor(part["amount"], part["currency"]), part["currency"]


def _last_amount(statements: list[Statement]) -> tuple[int, str] | None:
    parts = [s[s["kind"]] for s in statements if _stage(s) != "refunded"]
    return next((_amount(p) for p in reversed(parts) if "amount" in p), None)


def _lead_stages(statements: list[Statement]) -> Reached:
    reached: Reached = [("lead", micros(statements[0]["occurred_at"]), [])]
    for stage, enough in (("mql", ("mql", "sql")), ("sql", ("sql",))):
        at = [micros(s["occurred_at"]) for s in statements if _stage(s) in enough]
        reached += [(stage, min(at), [])] if at else []
    return reached


def _deal_stages(statements: list[Statement]) -> Reached:
    first = micros(statements[0]["occurred_at"])
    amount = _last_amount(statements)

    def worth(stage: str, at: int) -> list[tuple[str, int, str, int]]:
        return [(stage, *amount, at)] if amount else []

    reached: Reached = [("opportunity", first, worth("opportunity", first))]
    won_at = None
    for statement in statements:
        if _stage(statement) == "won" and won_at is None:
            won_at = micros(statement["occurred_at"])
        elif _stage(statement) in ("opportunity", "lost"):
            won_at = None
    return reached + ([("won", won_at, worth("won", won_at))] if won_at is not None else [])


def _order_stages(statements: list[Statement]) -> Reached:
    amount = _last_amount(statements)
    refunds: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        if _stage(statement) == "refunded":
            name = statement["order"].get("refund_id") or f"{statement['sender']} {statement['id']}"
            refunds[name].append(statement)
    parts = []
    for told in refunds.values():
        back = next((_amount(s["order"]) for s in reversed(told) if "amount" in s["order"]), amount)
        if back is not None:
            parts.append(("refund", -back[0], back[1], micros(told[0]["occurred_at"])))
    done = [micros(s["occurred_at"]) for s in statements if _stage(s) == "completed"]
    if not done:
        back_at = [micros(told[0]["occurred_at"]) for told in refunds.values()]
        return [("refund_without_order", min(back_at), parts)] if back_at else []
    return [("won", min(done), [("won", *amount, min(done)), *parts] if amount else parts)]


_STAGES = {"lead": _lead_stages, "deal": _deal_stages, "order": _order_stages}


def journey_of(
    conversion: Conversion, contacts: Mapping[str, list[Contact]], lookback: int | None = None
) -> list[Contact]:
    """The touchpoints of the conversion's people up to it, oldest first; lookback in microseconds."""
    everyone = sorted(c for person in conversion.people for c in contacts.get(person, ()))
    end = conversion.occurred_at
    return [c for c in everyone if c[0] <= end and (lookback is None or c[0] >= end - lookback)]
