"""Deals: the buying committee that gathers, the meetings, and how the deal ends."""

from dataclasses import replace

from service.demo.crm import Crm, Deal, Lead
from service.demo.days import DAY
from service.demo.goods import project_lines
from service.demo.people import Census
from service.demo.scene import Known, Scene
from service.demo.traffic import Traffic

_OPPORTUNITY_RATE = 0.70
_COLLEAGUES = (0, 1, 2, 3, 4)
_COLLEAGUE_WEIGHTS = (42, 26, 17, 10, 5)
_LOST_REASONS = {"price": 30, "competitor": 24, "no_budget": 20, "no_decision": 16, "timing": 10}
_SMALLEST, _LARGEST = 200_000, 4_000_000
_USD_SHARE = 0.12
_USD_CENTS_PER_EURO = 108


class Deals:
    """Plays a lead from the moment sales took it to the end of its deal."""

    def __init__(self, scene: Scene, census: Census, traffic: Traffic) -> None:
        self._scene = scene
        self._census = census
        self._traffic = traffic
        self._rng = scene.rng("deals")
        self._rhythm = scene.rhythm(self._rng)
        self._crm = Crm(scene.book)
        self._number = 0

    def run(self, lead: Lead, sql: int) -> None:
        """Opportunity or nothing; then won, lost, or still open at the end of the year."""
        key, quotas = lead.campaign.key, self._scene.quotas
        if not quotas.take(_OPPORTUNITY_RATE, key, "opportunity"):
            return
        opened = self._rhythm.office(sql // DAY + self._rng.randrange(2, 11))
        opened = max(opened, sql + 3_600)
        closed = self._rhythm.office(opened // DAY + self._rng.randrange(8, 42))
        self._meet(lead, sql, opened)
        colleagues = self._committee(lead, closed)
        self._visits(lead, sql, closed)
        win_rate = lead.campaign.won_rate / (lead.campaign.accept_rate * _OPPORTUNITY_RATE)
        won = quotas.take(win_rate, key, "won")
        self._write(lead, opened, closed, won, colleagues)

    def _write(
        self, lead: Lead, opened: int, closed: int, won: bool, colleagues: list[Known]
    ) -> None:
        self._number += 1
        outcome = "won" if won else "lost"
        size = self._scene.quotas.size(lead.campaign.deal_size, 0.6, lead.campaign.key, outcome)
        cents = _in_range(round(size / 50) * 5_000)
        currency = "EUR"
        if self._rng.random() < _USD_SHARE:
            currency = "USD"
            cents = _in_range(cents * _USD_CENTS_PER_EURO // 100)
        first = _in_range(cents * self._rng.choice((100, 100, 100, 110, 95)) // 100)
        contacts = (lead.person.identifiers, *(person.identifiers for person in colleagues))
        deal = Deal(f"D-{self._number:04d}", lead.company, contacts[:1], lead.id, currency)
        self._crm.deal(opened, deal, "opportunity", first)
        deal = replace(deal, contacts=contacts)
        if won:
            self._crm.deal(closed, deal, "won", cents, project_lines(self._rng, cents))
            return
        reason = self._rng.choices(list(_LOST_REASONS), list(_LOST_REASONS.values()))[0]
        self._crm.deal(closed, deal, "lost", cents, reason=reason)

    def _meet(self, lead: Lead, sql: int, opened: int) -> None:
        """A meeting has no channel rule, so the calls sender names its channel itself."""
        if self._rng.random() < 0.45:
            second = self._rhythm.office(sql // DAY + 1)
            if sql < second < opened:
                touch = {"kind": "meeting", "channel": "sales"}
                person = {"email": lead.person.email}
                self._scene.book.add("calls", second, "touch", person, touch=touch)

    def _committee(self, lead: Lead, closed: int) -> list[Known]:
        """Colleagues who look for themselves before the deal closes, by channels of their own."""
        colleagues = []
        for number in range(self._rng.choices(_COLLEAGUES, _COLLEAGUE_WEIGHTS)[0]):
            visitor = self._census.visitor()
            email = self._census.email(lead.company.domain)
            first_day = max(0, lead.at // DAY - 6)
            second = self._rhythm.moment(
                self._rng.randrange(first_day, closed // DAY - 2), "companies"
            )
            identifiers = {
                "crm_contact_id": f"{lead.person.identifiers['crm_contact_id']}-{number + 2}",
                "email": email,
            }
            person = Known(email, second, visitor, identifiers)
            for _ in range(self._rng.randrange(1, 3)):
                way = self._traffic.way_back("unknown")
                second = self._traffic.visit(second, visitor, way)
                known_at, second = second, second + self._rng.randrange(3_600, 2 * DAY)
            self._crm.identify(known_at + 5, {"anonymous_id": visitor.anonymous_id, "email": email})
            self._crm.group(max(known_at + 60, lead.at + 400), person, lead.company)
            colleagues.append(person)
        return colleagues

    def _visits(self, lead: Lead, sql: int, closed: int) -> None:
        """The buyer's own visits while the deal is open."""
        second = sql
        for _ in range(self._rng.choices((0, 1, 2, 3), (30, 35, 22, 13))[0]):
            second = self._rhythm.later(second, 1, 10, "companies")
            if second < closed:
                way = self._traffic.way_back("known")
                self._traffic.visit(second, lead.person.visitor, way)


def _in_range(cents: int) -> int:
    """Deals of this company lie between 2,000 and 40,000."""
    return min(max(cents, _SMALLEST), _LARGEST)
