"""Stories of deals: who earned it, who joined in, and what happened after the win."""

from service.demo.crm import Deal
from service.demo.goods import project_lines
from service.demo.stories import Teller

PARTNER_DEALS = 6


def tell(teller: Teller) -> None:
    """Writes all stories of this file."""
    _brand(teller)
    _late(teller)
    _committee(teller)
    _reopened(teller)
    _upsell(teller)
    _rewon(teller)
    _typed_in(teller)
    _partners(teller)
    _foreign(teller)
    _called(teller)


def sold(
    teller: Teller,
    slug: str,
    names: tuple[str, str],
    ways: tuple[tuple[int, str], ...],
    euros: int,
    days_back: tuple[int, int],
) -> Deal:
    """Visits, form, sales, opportunity and win of one person; `names` are company and person,
    `days_back` those of the opportunity and the win."""
    company = teller.company(slug, names[0])
    person = teller.contact(slug, names[1], company)
    second = teller.visits(person.visitor, *ways)
    lead = teller.form(slug, person, company, second, ways[0][1])
    teller.accept(lead)
    deal = Deal(f"D-story-{slug}", company, (person.identifiers,), lead.id)
    opened, won = days_back
    teller.crm.deal(teller.on(opened, 10), deal, "opportunity", euros * 100)
    if won:
        lines = project_lines(teller.rng, euros * 100)
        teller.crm.deal(teller.on(won, 15), deal, "won", euros * 100, lines)
    return deal


def _brand(teller: Teller) -> None:
    sold(
        teller, "brand", ("Brightwater Storage", "Anna Kowalska"),
        ((57, "control"), (50, "organic"), (42, "brand")), 18_400, (33, 12),
    )  # fmt: skip


def _late(teller: Teller) -> None:
    sold(
        teller, "late", ("Harrow Packaging", "Tomas Virtanen"),
        ((150, "warehouse"), (137, "organic"), (121, "social_posts"), (101, "direct")),
        15_800, (90, 66),
    )  # fmt: skip


def _committee(teller: Teller) -> None:
    """Five people of one company, of whom the CRM links only two to the deal."""
    company = teller.company("committee", "Calderwick Foods", "foods")
    people = [
        ("committee-1", "Elena Rossi", (174, "li_abm")),
        ("committee-2", "Jonas Berg", (171, "organic")),
        ("committee-3", "Marta Conti", (168, "control")),
        ("committee-4", "Felix Graf", (164, "referral")),
        ("committee-5", "Nina Larsen", (160, "direct")),
    ]
    contacts, lead = [], None
    for slug, who, way in people:
        person = teller.contact(slug, who, company)
        second = teller.visits(person.visitor, way)
        contacts.append(person.identifiers)
        if lead is None:
            lead = teller.form(slug, person, company, second, way[1])
            teller.accept(lead)
            continue
        known = {"anonymous_id": person.visitor.anonymous_id, "email": person.email}
        teller.crm.identify(second + 5, known)
        teller.crm.group(second + 60, person, company)
    deal = Deal("D-story-committee", company, (contacts[0], contacts[4]), "L-story-committee-1")
    teller.crm.deal(teller.on(154, 10), deal, "opportunity", 3_200_000)
    lines = project_lines(teller.rng, 3_200_000)
    teller.crm.deal(teller.on(117, 15), deal, "won", 3_200_000, lines)


def _reopened(teller: Teller) -> None:
    deal = sold(
        teller, "reopened", ("Penrose Metals", "Lukas Weber"), ((135, "competitor"),),
        9_600, (120, 0),
    )  # fmt: skip
    teller.crm.deal(teller.on(96, 16), deal, "lost", 960_000, reason="price")
    teller.crm.deal(teller.on(70, 9), deal, "opportunity", 880_000)
    lines = project_lines(teller.rng, 880_000)
    teller.crm.deal(teller.on(52, 14), deal, "won", 880_000, lines)


def _upsell(teller: Teller) -> None:
    deal = sold(
        teller, "upsell", ("Thornbury Clinics", "Sofia Moreau"),
        ((118, "li_leads"), (110, "nurture")), 12_000, (104, 85),
    )  # fmt: skip
    lines = project_lines(teller.rng, 1_450_000)
    teller.crm.deal(teller.on(71, 11), deal, "won", 1_450_000, lines)


def _rewon(teller: Teller) -> None:
    deal = sold(
        teller, "rewon", ("Ashgrove Retail", "Martin Keller"),
        ((140, "control_bing"), (133, "direct")), 21_000, (126, 110),
    )  # fmt: skip
    teller.crm.deal(teller.on(92, 13), deal, "lost", 2_100_000, reason="cancelled")
    lines = project_lines(teller.rng, 1_650_000)
    teller.crm.deal(teller.on(60, 10), deal, "won", 1_650_000, lines)


def _typed_in(teller: Teller) -> None:
    """A regular customer rings the account manager: nothing was ever measured."""
    company = teller.company("typed-in", "Westmere Schools", "schools")
    person = teller.contact("typed-in", "Clara Dubois", company)
    deal = Deal("D-story-typed-in", company, (person.identifiers,))
    teller.crm.group(teller.on(138, 9), person, company)
    teller.crm.deal(teller.on(138, 9, 5), deal, "opportunity", 950_000)
    lines = project_lines(teller.rng, 950_000)
    teller.crm.deal(teller.on(125, 12), deal, "won", 950_000, lines)


def _partners(teller: Teller) -> None:
    """Installers who bring a client: a touch that names its channel, and costs nothing."""
    names = (
        "Hana Dvorak",
        "Oscar Nielsen",
        "Laura Costa",
        "Emil Horvat",
        "Vera Koski",
        "Leon Petit",
    )
    for number, who in enumerate(names[:PARTNER_DEALS], start=1):
        slug, first = f"partner-{number}", 345 - number * 42
        company = teller.company(slug, f"Marlow {who.split()[1]} Works", "metals")
        person = teller.contact(slug, who, company)
        touch = {
            "kind": "offline",
            "channel": "partners",
            "source": "installer-guild",
            "medium": "introduction",
        }
        met = teller.on(first, 11)
        teller.book.add("crm", met, "touch", person.identifiers, touch=touch)
        teller.crm.group(met + 60, person, company)
        deal = Deal(f"D-story-{slug}", company, (person.identifiers,))
        cents = 620_000 + number * 85_000
        teller.crm.deal(teller.on(first - 9, 10), deal, "opportunity", cents)
        if number == PARTNER_DEALS:
            teller.crm.deal(teller.on(first - 38, 15), deal, "lost", cents, reason="no_budget")
            continue
        lines = project_lines(teller.rng, cents)
        teller.crm.deal(teller.on(first - 34, 15), deal, "won", cents, lines)


def _foreign(teller: Teller) -> None:
    """A win in a currency for which no exchange rate is known."""
    company = teller.company("tenge", "Steppe Cold Chain", "foods")
    person = teller.contact("tenge", "Daria Ivanova", company)
    second = teller.visits(person.visitor, (78, "organic"))
    lead = teller.form("tenge", person, company, second, "organic")
    teller.accept(lead)
    deal = Deal("D-story-tenge", company, (person.identifiers,), lead.id, "KZT")
    cents = 240_000_000
    teller.crm.deal(teller.on(64, 10), deal, "opportunity", cents)
    lines = project_lines(teller.rng, cents)
    teller.crm.deal(teller.on(40, 10), deal, "won", cents, lines)


def _called(teller: Teller) -> None:
    """A call to the number in the ad, and a meeting, between visit and deal."""
    company = teller.company("called", "Rosedale Logistics", "logistics")
    person = teller.contact("called", "Peter Sokol", company)
    person.identifiers["phone"] = "+442079460999"
    second = teller.visits(person.visitor, (171, "warehouse"))
    lead = teller.form("called", person, company, second, "warehouse")
    by_phone = {"phone": person.identifiers["phone"]}
    call = lead.campaign.touch("call")
    teller.book.add("calls", teller.on(169, 11), "touch", by_phone, touch=call)
    teller.accept(lead)
    meeting = {"kind": "meeting", "channel": "sales"}
    met = teller.on(163, 14)
    teller.book.add("calls", met, "touch", {"email": person.email}, touch=meeting)
    deal = Deal("D-story-called", company, (person.identifiers,), lead.id)
    teller.crm.deal(teller.on(160, 10), deal, "opportunity", 1_380_000)
    lines = project_lines(teller.rng, 1_380_000)
    teller.crm.deal(teller.on(138, 15), deal, "won", 1_380_000, lines)
