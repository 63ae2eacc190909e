"""From an address to questions for the reports: the chosen days, and the days compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request

from service.reports.configuration import PRESET, Edition
from service.reports.question import Question, as_of_from, as_value
from service.web import words
from service.web.format import Formatter
from service.web.parts import Parts, Report, parts_of, zone_of
from service.web.state import (
    COMPARES,
    PERIODS,
    State,
    Usual,
    moment_text,
    question_params,
    today_in,
)

Where = Mapping[str, str]
NOWHERE: Where = MappingProxyType({})


@dataclass(frozen=True)
class Asked:
    """One reader's question, before it is put to the desk; days are inclusive.

    Attributes:
        edition: the published configuration, whose presets can be chosen.
        days_before: the days compared with; None when nothing is or can be compared.
        begins: the first day with data, where it is the reason for not comparing: against days
            without data everything would seem to have grown.
    """

    parts: Parts
    edition: Edition
    state: State
    zone: ZoneInfo
    days: tuple[date, date]
    days_before: tuple[date, date] | None
    begins: date | None

    @classmethod
    def read(cls, request: Request) -> "Asked":
        """From the address of a page.

        Raises:
            Refusal: a parameter that cannot be understood.
        """
        parts = parts_of(request)
        query = request.query_params
        zone = zone_of(parts)
        edition = parts.desk.editions.as_of(None)
        state = State.read(query, {"columns": query.getlist("columns")}, usual_shown(parts, query))
        days = state.days(today_in(zone, parts.clock()))
        before = state.before(*days)
        begins = _first_day(parts, zone) if before else None
        if before and begins and before[0] < begins:
            return cls(parts, edition, state, zone, days, None, begins)
        return cls(parts, edition, state, zone, days, before, None)

    def params(self, **extra: str) -> dict[str, str]:
        """The read API's query for the chosen days, with the model's own text for a preset: at an
        earlier moment the API may not know it, or know another one."""
        return self.edition.settle(question_params(self.state, self.days, self.zone, **extra))

    def chosen(self, **extra: str) -> dict[str, str]:
        """The same query as it was chosen: presets by their names, and no model or lookback where
        it is the usual one."""
        usual = {"model": self.state.usual.model, "lookback": self.state.usual.lookback}
        params = question_params(self.state, self.days, self.zone, **extra)
        return {name: text for name, text in params.items() if usual.get(name) != text}

    def question(self, where: Where = NOWHERE, **extra: str) -> Question:
        """The question for the chosen days.

        Args:
            where: the one value that each named dimension must have.
            extra: further parameters of the read API.
        """
        return self._ask(self.params(**extra), where)

    def question_before(self, where: Where = NOWHERE, **extra: str) -> Question | None:
        """The same for the compared days, None when nothing is compared."""
        if self.days_before is None:
            return None
        params = question_params(self.state, self.days_before, self.zone, **extra)
        return self._ask(self.edition.settle(params), where)

    def question_under(self, edition: Edition, **extra: str) -> Question:
        """The question for the chosen days; where the reader chose no model and no lookback, those
        that were usual under the edition."""
        known, chosen = self.params(**extra), self.chosen(**extra)
        return self._ask(edition.settle({name: known[name] for name in chosen}), NOWHERE)

    def _ask(self, params: dict[str, str], where: Where) -> Question:
        question = Question.from_params(
            params, self.parts.settings.currency, self.zone, self.parts.clock()
        )
        # Not by way of the query, where a comma inside a campaign's name would make it two.
        filters = tuple(sorted((name, (value,)) for name, value in where.items()))
        return replace(question, filters=filters)

    @property
    def every(self) -> str:
        """How finely a trend is drawn, so that it has some twelve to sixty points."""
        length = (self.days[1] - self.days[0]).days + 1
        if length <= 62:
            return "day"
        return "week" if length <= 400 else "month"

    def csv(self, where: Where = NOWHERE, **extra: str) -> str:
        """The address of the shown rows as CSV."""
        return f"/v1/roi.csv?{urlencode(self.params(**extra) | filters_of(where))}"

    def bar(self, formatter: Formatter) -> dict[str, Any]:
        """What the bar of choices shows."""
        state = self.state
        return {
            "periods": PERIODS,
            "compares": COMPARES,
            "models": _models(self.parts.desk.models(), self.edition, state),
            "stages": {key: words.stage(key) for key in words.STAGES if key != "visit"},
            "lookbacks": _with(_with(words.LOOKBACKS, state.usual.lookback), state.lookback),
            "bases": words.BASES,
            "scopes": words.SCOPES,
            "days": formatter.days(*self.days),
            "days_before": formatter.days(*self.days_before) if self.days_before else "",
            "zone": self.zone.key,
            "as_of": self.moment_words(self.state.as_of, formatter),
            "begins": formatter.day(self.begins) if self.begins else "",
            "start": self.days[0].isoformat(),
            "end": self.days[1].isoformat(),
            "earlier": self._shifted(-1),
            "later": self._shifted(1),
        }

    def moment(self, name: str, text: str) -> int | datetime | None:
        """A watermark or a moment from the address; None without one. Raises: Refusal."""
        return _moment(name, text, self.zone)

    def moment_words(self, text: str, formatter: Formatter) -> str:
        """A moment, or a state of the ledger, as people say it; "" without one."""
        moment = self.moment("as_of", text)
        if isinstance(moment, int):
            return f"ledger up to {formatter.count(moment)}"
        return formatter.moment(moment) if moment else ""

    def _shifted(self, direction: int) -> dict[str, str] | None:
        """The neighbouring days of the same length; None where they lie in the future."""
        first, last = self.days
        step = timedelta(days=((last - first).days + 1) * direction)
        if first + step > today_in(self.zone, self.parts.clock()):
            return None
        return {
            "period": "custom",
            "start": (first + step).isoformat(),
            "end": (last + step).isoformat(),
            "cursor": "",
        }


def usual_shown(parts: Parts, query: Mapping[str, str]) -> Usual:
    """What was usual at the moment that an address asks for; of a preset of then the model that it
    stood for. Raises: Refusal."""
    moment = _moment("as_of", query.get("as_of", "").strip(), zone_of(parts))
    edition = parts.desk.editions.as_of(moment)
    if moment is None:
        return Usual(edition.configuration.default_model, edition.configuration.lookback)
    settled = edition.settle({})
    return Usual(settled["model"], settled["lookback"])


def _moment(name: str, text: str, zone: ZoneInfo) -> int | datetime | None:
    return as_of_from(moment_text(name, text, zone) if text else None, name)


def filters_of(where: Where) -> dict[str, str]:
    """The read API's query for the one value that each named dimension must have."""
    return {f"filter[{name}]": as_value(value) for name, value in where.items()}


def _first_day(parts: Parts, zone: ZoneInfo) -> date | None:
    first_at: str | None = parts.desk.status()["first_at"]
    return datetime.fromisoformat(first_at).astimezone(zone).date() if first_at else None


def _models(known: list[Report], edition: Edition, state: State) -> dict[str, str]:
    """The presets of the configuration, then the models that share out a conversion and need no
    parameters to do so; the usual one and the current one where they are none of them."""
    names = [item["name"] for item in known if item["kind"] != "participation"]
    presets = [PRESET + name for name in sorted(edition.configuration.model_presets)]
    choices = {name: words.model(name) for name in (*presets, *names) if name != "custom"}
    for name in (state.usual.model, state.model):
        choices = _with(choices, name, words.model(name))
    return choices


def _with(choices: dict[str, str], current: str, label: str = "") -> dict[str, str]:
    """The choices, and the current one where it is none of them."""
    return choices if current in choices else {current: label or current} | choices
