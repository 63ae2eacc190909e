"""Companies: first visits, returns, forms, calls, and sales' verdict on each lead."""

from service.demo.campaigns import CAMPAIGNS, Campaign
from service.demo.crm import Crm, Lead
from service.demo.days import DAY, DAYS
from service.demo.deals import Deals
from service.demo.mail import Mail
from service.demo.people import Census
from service.demo.scene import Known, Scene, Visitor
from service.demo.traffic import Traffic

_FORMS = ("Demo request", "Price request", "Energy audit", "Guide download")
AWAY = range(DAYS - 112, DAYS - 98)
"""Days when the sales team stood at a trade fair and the leads of all channels waited."""

_RETURN_RATE = 0.20
_VISITS_BEFORE_FORM = (0, 1, 2, 3, 4, 6)
_VISITS_WEIGHTS = (38, 25, 16, 11, 7, 3)
_CALL_RATE = 0.4
_OTHER_REASONS = {
    "unreachable": 34,
    "price": 22,
    "wrong_product": 18,
    "not_called_in_time": 14,
    "company_closed": 7,
    "not_icp": 5,
}


class Leads:
    """Plays the year of all visitors from companies."""

    def __init__(
        self, scene: Scene, census: Census, traffic: Traffic, mail: Mail, deals: Deals
    ) -> None:
        self._scene = scene
        self._census = census
        self._traffic = traffic
        self._mail = mail
        self._deals = deals
        self._rng = scene.rng("leads")
        self._rhythm = scene.rhythm(self._rng)
        self._crm = Crm(scene.book)
        self._number = 0

    def run(self) -> None:
        for campaign in CAMPAIGNS:
            visitors = self._scene.count(campaign.companies)
            for second in self._rhythm.moments(visitors, "companies", campaign.season):
                self._visitor(campaign, second)

    def _visitor(self, campaign: Campaign, second: int) -> None:
        visitor = self._census.visitor()
        if self._scene.quotas.take(campaign.lead_rate, campaign.key, "lead"):
            self._prospect(campaign, visitor, second)
            return
        self._traffic.visit(second, visitor, campaign)
        # People whom the native ads caught by accident do not come back.
        while campaign.channel != "display" and self._rng.random() < _RETURN_RATE:
            second = self._rhythm.later(second, 0, 16, "companies")
            self._traffic.visit(second, visitor, self._traffic.way_back("unknown"))

    def _prospect(self, campaign: Campaign, visitor: Visitor, second: int) -> None:
        """Visits up to the form; the lead exists only if the form is sent within the year."""
        more = self._rng.choices(_VISITS_BEFORE_FORM, _VISITS_WEIGHTS)[0]
        if campaign.channel == "display":
            more = 0
        way = campaign
        for _ in range(more):
            self._traffic.visit(second, visitor, way)
            second = self._rhythm.later(second, 0, 11, "companies")
            way = self._traffic.way_back("unknown")
        second = self._traffic.visit(second, visitor, way, then=("/demo", "/thank-you"))
        lead = self._form(campaign, visitor, second)
        if second // DAY < DAYS:
            self._scene.known.append(lead.person)
        self._work(lead)

    def _form(self, campaign: Campaign, visitor: Visitor, second: int) -> Lead:
        company = self._census.company()
        self._number += 1
        email = self._census.email(company.domain)
        identifiers = {"crm_contact_id": f"c-{self._number:05d}", "email": email}
        phone = self._census.phone() if self._rng.random() < 0.5 else None
        if phone:
            identifiers["phone"] = phone
        person = Known(email, second, visitor, identifiers)
        lead = Lead(f"L-{self._number:05d}", person, company, campaign, second)
        self._crm.identify(second + 2, {"anonymous_id": visitor.anonymous_id, "email": email})
        arrived = second + self._rng.randrange(20, 300)
        self._crm.lead(arrived, lead, "lead", form=self._rng.choice(_FORMS))
        self._crm.group(arrived + 1, person, company)
        if phone and self._rng.random() < _CALL_RATE:
            self._call(lead, phone)
        return lead

    def _call(self, lead: Lead, phone: str) -> None:
        """An inbound call to the number that only visitors of the campaign are shown."""
        if not lead.campaign.source or lead.campaign.channel == "display":
            return
        second = self._rhythm.later(lead.at, 0, 4, "companies")
        touch = lead.campaign.touch("call")
        self._scene.book.add("calls", second, "touch", {"phone": phone}, touch=touch)

    def _work(self, lead: Lead) -> None:
        """What marketing and sales make of a lead."""
        key, quotas = lead.campaign.key, self._scene.quotas
        accept = lead.campaign.accept_rate
        accepted = quotas.take(accept, key, "accept")
        missed = accept > 0 and lead.at // DAY in AWAY and self._rng.random() < 0.65
        qualified = min(0.9, accept * 1.6)
        warm = accepted or missed or quotas.take((qualified - accept) / (1 - accept), key, "mql")
        second = lead.at
        if warm:
            second = self._rhythm.office(lead.at // DAY + self._rng.randrange(0, 3))
            second = max(second, lead.at + 600)
            self._crm.lead(second, lead, "mql")
        if missed or not accepted:
            self._reject(lead, second, missed)
            return
        answered = second + self._rng.randrange(1_800, 40 * 3_600)
        self._crm.verdict(answered, lead, "accepted")
        sql = max(answered + 60, self._rhythm.office(answered // DAY + self._rng.randrange(0, 5)))
        self._crm.lead(sql, lead, "sql")
        self._mail.nurture(lead.person, sql)
        self._deals.run(lead, sql)

    def _reject(self, lead: Lead, second: int, missed: bool) -> None:
        """Seven in ten get a verdict; the others are simply never answered."""
        if lead.campaign.channel != "display":
            self._mail.nurture(lead.person, lead.at + 20 * DAY)
        if not missed and self._rng.random() > 0.7:
            return
        second = max(second + 900, self._rhythm.office(second // DAY + self._rng.randrange(1, 9)))
        reason = self._reason(lead.campaign, missed)
        self._crm.verdict(second, lead, "rejected", reason)
        self._crm.lead(second + 30, lead, "rejected", reason)

    def _reason(self, campaign: Campaign, missed: bool) -> str:
        if missed:
            return self._rng.choice(("not_called_in_time", "not_called_in_time", "unreachable"))
        if campaign.channel == "display":
            return self._rng.choice(("spam", "not_icp"))
        if self._rng.random() < 0.58:
            return campaign.reject_reason
        return self._rng.choices(list(_OTHER_REASONS), list(_OTHER_REASONS.values()))[0]
