"""E-mail: the monthly newsletter and the mails that follow a form, as a mailing tool reports them.

The tool knows addresses, the website knows browsers; only a click joins the two.
"""

from dataclasses import replace

from service.demo.campaigns import BY_KEY, Campaign
from service.demo.days import DAY, DAYS, Year
from service.demo.scene import Known, Scene, at
from service.demo.traffic import Traffic

UNTAGGED_MONTHS_BACK = 3
"""Which issue, counted from the last, went out with links that lost their tags."""

_OPEN_RATE = 0.24
_CLICK_RATE = 0.16
_NURTURE_DAYS = (2, 6, 12)
_NURTURE_OPEN_RATE = 0.42
_NURTURE_CLICK_RATE = 0.25
_UNTAGGED = Campaign("newsletter_untagged", "direct", landing=("/blog/monthly",))


class Mail:
    """Writes the touches of the sender `email` and the visits that clicks lead to."""

    def __init__(self, scene: Scene, traffic: Traffic) -> None:
        self._scene = scene
        self._traffic = traffic
        self._rng = scene.rng("mail")
        self._rhythm = scene.rhythm(self._rng)
        self._issues = monthly_issues(scene.year)
        self._untagged = self._issues[-UNTAGGED_MONTHS_BACK][1].key

    def nurture(self, person: Known, until: int) -> None:
        """Three mails after the form, each only while `until` (seconds) is not reached."""
        campaign = BY_KEY["nurture"]
        for wait in _NURTURE_DAYS:
            day = self._scene.year.working_day(person.since // DAY + wait)
            second = self._rhythm.moment(day, "companies")
            if second >= until or self._rng.random() > _NURTURE_OPEN_RATE:
                continue
            self.opened(second, person, campaign, f"mail-{wait}", _NURTURE_CLICK_RATE)

    def opened(
        self, second: int, person: Known, campaign: Campaign, content: str, click_rate: float
    ) -> None:
        """An open and, at the given rate, a click with the visit it leads to."""
        touch = campaign.touch("email_open", content)
        self._scene.book.add("email", second, "touch", {"email": person.email}, touch=touch)
        if self._rng.random() < click_rate:
            self.clicked(second + self._rng.randrange(5, 90), person, campaign, content)

    def clicked(self, second: int, person: Known, campaign: Campaign, content: str) -> None:
        """A click and, seconds later, the visit; without tags where the issue lost them."""
        touch = campaign.touch("email_click", content)
        self._scene.book.add("email", second, "touch", {"email": person.email}, touch=touch)
        landing = _UNTAGGED if campaign.key == self._untagged else campaign
        self._traffic.visit(second + 3, person.visitor, landing)

    def newsletters(self) -> None:
        """Every issue to everybody known by then."""
        for day, issue in self._issues:
            for person in self._scene.known:
                if person.since < at(day, 7) and self._rng.random() < _OPEN_RATE:
                    second = self._rhythm.moment(day + self._rng.choice((0, 0, 0, 1)), "companies")
                    self.opened(max(second, at(day, 7)), person, issue, "issue", _CLICK_RATE)


def monthly_issues(year: Year) -> list[tuple[int, Campaign]]:
    """Day and campaign of each newsletter: the first working day after the 9th of a month."""
    issues = []
    for day in range(DAYS):
        if year.date_of(day).day == 10:
            month = year.dates[day][:7]
            name, number = f"Newsletter | {month}", f"nl-{month}"
            issue = replace(BY_KEY["newsletter"], key=number, name=name, id=number)
            issues.append((year.working_day(day), issue))
    return issues
