"""The storyteller: hand-made people whose facts are the same in every world but for the dates.

Stories count days back from the end of the year, so that they lie in the last months for any
`until`. Their ids carry `story`, so that they are found at once.
"""

from service.demo.campaigns import BY_KEY
from service.demo.crm import Crm, Lead
from service.demo.days import DAYS
from service.demo.people import Company
from service.demo.scene import Known, Scene, Visitor, at
from service.demo.traffic import Traffic

_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)


class Teller:
    """Writes what several stories need: people, visits, and the stages of a lead."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.book = scene.book
        self.rng = scene.rng("stories")
        self.traffic = Traffic(scene, self.rng)
        self.crm = Crm(scene.book)

    def on(self, days_back: int, hour: int, minute: int = 0) -> int:
        """A clock time (UTC) on the working day at or after `days_back` days before the end."""
        return at(self.scene.year.working_day(DAYS - days_back), hour, minute)

    def browser(self, name: str) -> Visitor:
        return Visitor(f"a-story-{name}", _BROWSER)

    def company(self, slug: str, name: str, industry: str = "storage") -> Company:
        """A company of a story; its domain is made from the name."""
        domain = f"{name.lower().replace(' ', '-')}.example"
        segment = {"industry": industry, "company_size": "250-999", "country": "DE"}
        return Company(f"acc-story-{slug}", name, domain, segment)

    def contact(self, slug: str, who: str, company: Company) -> Known:
        """A person `First Last` of the company with a browser and a CRM contact."""
        email = f"{who.lower().replace(' ', '.')}@{company.domain}"
        identifiers = {"crm_contact_id": f"c-story-{slug}", "email": email}
        return Known(email, 0, self.browser(slug), identifiers)

    def visits(self, visitor: Visitor, *ways: tuple[int, str]) -> int:
        """Visits at (days back, campaign key), in this order; the second of the last page."""
        second = 0
        for number, (days_back, key) in enumerate(ways):
            start = self.on(days_back, 9 + number % 6, 10)
            second = self.traffic.visit(start, visitor, BY_KEY[key])
        return second

    def form(self, slug: str, person: Known, company: Company, second: int, key: str) -> Lead:
        """The form at the end of a visit: the browser is known now, and the CRM has a lead."""
        visitor = person.visitor
        self.crm.identify(second + 5, {"anonymous_id": visitor.anonymous_id, "email": person.email})
        lead = Lead(f"L-story-{slug}", person, company, BY_KEY[key], second)
        self.crm.lead(second + 30, lead, "lead", form="Demo request")
        self.crm.group(second + 31, person, company)
        return lead

    def accept(self, lead: Lead) -> int:
        """Marketing qualifies the lead, sales accepts it; the second when it is an sql."""
        second = lead.at + 7_200
        self.crm.lead(second, lead, "mql")
        self.crm.verdict(second + 3_600, lead, "accepted")
        self.crm.lead(second + 3_660, lead, "sql")
        return second + 3_660
