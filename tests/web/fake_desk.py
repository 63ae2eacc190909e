"""Reports written by hand, in the shapes that the report desk gives."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from service.attribution.models import DEFINITIONS, ModelSpec
from service.reports.cell_parts import Cell
from service.reports.changes import Steps
from service.reports.configuration import BUILT_IN, Edition
from service.reports.moments import Between
from service.reports.question import Question
from service.reports.verdicts import RULE, verdict_of
from service.web import words
from tests.web.fake_cells import explained, number
from tests.web.fake_changes import facts, moments, steps
from tests.web.fake_journeys import NOW, conversions, credit, touchpoints
from tests.web.fake_parts import brought, compared, worked_journey

ADDING = (
    *("spend", "impressions", "clicks", "visits", "leads", "mqls", "sqls"),
    *("opportunities", "won", "revenue", "margin"),
)
_TABLE = """
paid_search    18240.50 412000  9120 8740  214  120 84 41 22.5  96480.25 61200
email          1200     0       0    5210  96.5 61  44 25 14.25 61250.75 40100
organic_search 0        0       0    12480 131  70  51 24 11.5  48120    31000
paid_social    9860     980000  7310 6120  142  51  22 9  3.25  9120.10  5200
display        4315.20  2400000 3100 2890  31   6   2  0  0     0        0
direct         0        0       0    7420  58   33  21 12 6     22310.40 14000
referral       640      0       0    1310  19   11  8  4  2.5   10480    7000
organic_social 0        0       0    2210  14.5 5   3  1  0     0        0
rest           310      0       0    0     24   9   5  3  2     7200     4100
"""
CHANNELS = {name: numbers for name, *numbers in map(str.split, _TABLE.strip().splitlines())}
REST = CHANNELS.pop("rest")
NOTHING = ["0"] * len(ADDING)
# Of rows too early to judge: maturity, and what is expected with its bounds.
EARLY: dict[str, tuple[float | None, tuple[float, float, float] | None]] = {
    "paid_social": (0.548, (5.930657, 4.3, 8.4)),
    "display": (0.0, None),
}
LONG_NAME = "Größe & Maß, Herbst 2026 / Remarketing Besucher letzte 30 Tage DE-AT-CH"


def ratio(above: Decimal, below: Decimal) -> float | None:
    return round(float(above / below), 6) if below else None


def line(amounts: list[Decimal]) -> dict[str, Any]:
    row = dict(zip(ADDING, amounts, strict=True))
    spend, revenue = row["spend"], row["revenue"]
    return {key: number(value) for key, value in row.items()} | {
        "conversions": number(row["won"]),
        "cpl": ratio(spend, row["leads"]),
        "cpa": ratio(spend, row["won"]),
        "cac": ratio(spend, row["won"]),
        "roas": ratio(revenue, spend),
        "roi": ratio(revenue - spend, spend),
        "romi": ratio(revenue - spend, spend),
        "romi_revenue": ratio(revenue - spend, spend),
        "romi_margin": ratio(row["margin"] - spend, spend),
        "drr": ratio(spend, revenue),
    }


@dataclass
class FakeDesk:
    """Answers every question with the rows it was given."""

    channels: dict[str, list[str]] = field(default_factory=lambda: dict(CHANNELS))
    rest: list[str] = field(default_factory=lambda: list(REST))
    names: dict[str, list[str]] = field(
        default_factory=lambda: {
            "spring": CHANNELS["paid_search"],
            LONG_NAME: NOTHING,
        }
    )
    watermark: int = 48_211
    early: dict[str, tuple[float | None, tuple[float, float, float] | None]] = field(
        default_factory=lambda: dict(EARLY)
    )
    first_at: str | None = "2023-01-01T00:00:00Z"
    journey_items: list[dict[str, Any]] | None = None
    touches: list[dict[str, Any]] | None = None
    reason: str | None = None
    failure: Exception | None = None
    refused: list[dict[str, Any]] = field(default_factory=list)
    lift_tests: bool = True
    edition: Edition = BUILT_IN
    edition_then: Edition = BUILT_IN
    drafted: Edition | None = None
    dropped: str | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def editions(self) -> "FakeDesk":
        return self

    def as_of(self, moment: Any) -> Edition:
        return self.edition if moment is None else self.edition_then

    def draft(self) -> Edition | None:
        return self.drafted

    def under(self, edition: Edition) -> "FakeDesk":
        """A draft gives the second channel what the first had of conversions and revenue."""
        other = replace(self, channels=dict(self.channels))
        names = list(self.channels)[:2]
        if edition.draft and len(names) == 2:
            one, two = (list(self.channels[name]) for name in names)
            for place in (8, 9):
                two[place] = str(Decimal(one[place]) + Decimal(two[place]))
                one[place] = "0"
            other.channels |= dict(zip(names, (one, two), strict=True))
        return other

    def forget(self) -> None:
        """Nothing is remembered."""

    @staticmethod
    def some_conversions() -> list[dict[str, Any]]:
        return conversions()

    @staticmethod
    def some_touchpoints() -> list[dict[str, Any]]:
        return touchpoints()

    def meta(self, question: Question) -> dict[str, Any]:
        params = question.to_params()
        return {
            "models": [
                {"model": str(spec), "name": spec.name, "version": 1} for spec in question.models
            ],
            "warnings": [
                {"model": str(spec), "text": text}
                for spec in question.models
                for text in DEFINITIONS[spec.name].warnings
            ],
            "conversion": question.conversion,
            "lookback": params["lookback"],
            "basis": question.basis,
            "scope": question.scope,
            "period": {"from": params["from"], "to": params["to"], "tz": params["tz"]},
            "currency": question.currency,
            "group_by": list(question.group_by),
            "filters": dict(question.filters),
            "configuration": "c7f2a9",
            "watermark": self.watermark,
            "fresh_to": "2026-11-20T14:29:00Z" if self.watermark else None,
            "coverage": {"value": 0.93, "conversions": 0.9, "spend": 0.97}
            if self.watermark
            else {"value": None, "conversions": None, "spend": None},
            "not_convertible": [
                {"kind": "revenue", "currency": "RUB", "amount": 100.0, "count": 1}
            ],
            "include": [],
            "excluded": [{"reason": "bot", "facts": 2}],
        }

    def roi(self, question: Question) -> dict[str, Any]:
        self._note("roi", question)
        dimension = question.group_by[0]
        filtered = dict(question.filters)
        table = self.channels
        if "campaign" in filtered:
            inside = self.names.get(filtered["campaign"][0], NOTHING)
            table = {"ad-7" if dimension == "content" else filtered["campaign"][0]: inside}
        elif filtered:
            whole = [str(sum(map(Decimal, n))) for n in zip(*self.names.values(), strict=True)]
            one = {filtered["channel"][0]: whole} if whole else {}
            table = one if dimension == "channel" else self.names
        earlier = question.period.end < NOW - timedelta(days=5)
        factor = Decimal("0.8") if earlier else Decimal(1)
        rest = self.rest if dimension == "channel" else NOTHING
        amounts = {name: [Decimal(x) * factor for x in row] for name, row in table.items()}
        left = [Decimal(x) * factor for x in rest]
        sums = [sum(column, Decimal(0)) for column in zip(*amounts.values(), left, strict=True)]
        return {
            "rows": [
                {dimension: name} | line(row) | self.mark(name) for name, row in amounts.items()
            ],
            "unattributed": line(left),
            "totals": line(sums) | self.mark("total"),
            "meta": self.meta(question),
        }

    def mark(self, name: str) -> dict[str, Any]:
        """What an ROI row says of its maturity."""
        share = self.early.get(name, (0.97, None))[0]
        early = share is not None and share < 0.7
        return {
            "maturity": share,
            "too_early": early,
            "maturity_reason": "few_conversions" if share is None else None,
        }

    def maturity(self, question: Question, every: str) -> dict[str, Any]:
        self._note(f"maturity {every}", question)
        names = ("expected", "low", "high")
        dimension = question.group_by[0]
        rows = [
            {dimension: name, "conversions": float((self.channels | self.names)[name][8])}
            | dict(zip(names, foreseen or (None, None, None), strict=True))
            for name, (_, foreseen) in self.early.items()
            if name in self.channels | self.names
        ]
        totals = {"conversions": 62.0, "expected": 90.0, "low": 80.5, "high": 101.0}
        return {"rows": rows, "totals": totals, "interval": 0.9, "meta": self.meta(question)}

    def attribution(self, question: Question) -> dict[str, Any]:
        self._note("attribution", question)
        reasons = [
            {"reason": "no_touchpoint_in_lookback", "conversions": 1.5, "value": 5000},
            {"reason": "no_person", "conversions": 0.5, "value": 2200},
        ]
        return {"unattributed": {"reasons": reasons}, "meta": self.meta(question)}

    def cell(
        self,
        question: Question,
        report: str,
        cell: Cell,
        measure: str,
        limit: int,
        cursor: str | None,
    ) -> dict[str, Any]:
        self._note(f"cell {report} {cell} {measure}", question)
        return explained(self.roi(question), cell, measure, limit, cursor)

    def trend(self, question: Question, every: str) -> dict[str, Any]:
        self._note("trend", question)
        days = {"day": 1, "week": 7, "month": 30}[every]
        points, day, i = [], question.period.start.date(), 0
        factor = 0.7 if question.period.end < NOW - timedelta(days=5) else 1
        while day < question.period.end.date() and self.channels:
            wave = (i * 37) % 11 + (i * 17) % 7
            points.append(
                {
                    every: day.isoformat(),
                    "spend": 700 + 35 * wave + 6 * i,
                    "revenue": round(factor * (3000 + 420 * wave + 90 * i)),
                    "won": wave // 3,
                    "leads": 12 + wave,
                    "visits": 900 + 40 * wave,
                }
            )
            day, i = day + timedelta(days=days), i + 1
        rest = line([Decimal(x) for x in self.rest])
        return {"points": points, "unattributed": rest, "meta": self.meta(question)}

    def journeys(
        self, question: Question, limit: int, cursor: str | None, search: str
    ) -> dict[str, Any]:
        self._note("journeys", question)
        items = conversions() if self.journey_items is None else self.journey_items
        if search:
            items = [item for item in items if search in item["object"]["id"]]
        start = int(cursor or 0)
        following = str(start + 10) if start + 10 < len(items) else None
        return {
            "items": items[start : start + 10],
            "next": following,
            "meta": self.meta(question),
        }

    def journey(self, conversion_id: str, question: Question) -> dict[str, Any]:
        self._note("journey", question)
        models = [str(spec) for spec in question.models]
        touches = touchpoints() if self.touches is None else self.touches
        named = [item for item in conversions() if item["conversion_id"] == conversion_id]
        item = (named or conversions())[0] | {"conversion_id": conversion_id}
        value = Decimal(str(item["value"]))
        for touch in touches:
            touch["credit"] = {
                model: credit(value, i, touch["position"], len(touches)) | self._left_out(touch)
                for i, model in enumerate(models)
            }
        return {
            "conversion": item
            | {
                "amounts": [
                    {
                        "kind": "won",
                        "amount": 1200.0,
                        "currency": "EUR",
                        "occurred_at": "2026-11-12T09:00:00Z",
                    }
                ]
            },
            "touchpoints": touches,
            "milestones": [
                {"stage": "lead", "occurred_at": "2026-10-20T12:00:00Z", "position": 2},
                {"stage": "opportunity", "occurred_at": "2026-11-02T08:30:00Z", "position": None},
            ]
            if touches
            else [],
            "identifiers": [
                {"kind": "email", "value": None, "links": 3},
                {"kind": "crm_contact_id", "value": "c-9", "links": 1},
            ],
            "unattributed_reason": self.reason,
            "meta": self.meta(question),
        }

    def explain(self, conversion_id: str, question: Question) -> dict[str, Any]:
        self._note("explain", question)
        return worked_journey(self.journey(conversion_id, question))

    def _left_out(self, touch: dict[str, Any]) -> dict[str, Any]:
        """The first touch may be dropped by a path transform."""
        by = self.dropped if touch["position"] == 1 else None
        return {"step": None if by else touch["position"], "dropped_by": by}

    def status(self) -> dict[str, Any]:
        return {"first_at": self.first_at, "watermark": self.watermark}

    def changes(
        self, report: str, since: Any, until: Any, asked: Callable[[Any], Question]
    ) -> Steps:
        self.asked.append(("changes", {"since": str(since), "until": str(until)}))
        found = steps(self.roi(asked(BUILT_IN)))
        # What the page adds up itself: figures that the hand-written rows do not have.
        for answer in found.answers:
            for row in (*answer["rows"], answer["unattributed"]):
                row.setdefault("conversions", row["won"])
                row.setdefault("customers", row["won"])
        return found

    def changed_facts(
        self, since: Any, until: Any, with_bots: bool
    ) -> tuple[Between, dict[str, Any]]:
        return moments(), facts()

    def compare(self, question: Question) -> dict[str, Any]:
        """Every model gives the value of the table, the n-th model n tenths more of it."""
        self._note("compare", question)
        away = [said["model"] for said in self.refused]
        names = [name for name in map(str, question.models) if name not in away]
        whole = sum(float(row[9]) for row in self.channels.values()) or 1.0
        rows = []
        for channel, row in self.channels.items():
            cells = {name: compared(row, 1 + i / 10, whole) for i, name in enumerate(names)}
            line = {"channel": channel, "spend": float(row[0]), "models": cells}
            rows.append(line | verdict_of(cells))
        nothing = {"conversions": 2, "value": 7200, "share": 0.03}
        return {
            "rows": rows,
            "unattributed": {"models": dict.fromkeys(names, nothing)},
            "totals": {"spend": 0, "conversions": 0, "value": 0},
            "rule": RULE,
            "refused": self.refused,
            "uncertainty": {
                "method": "group_bootstrap",
                "level": 0.95,
                "groups": 200,
                "draws": 1000,
                "seed": 20260301,
                "drawn": "person",
                "spend": "taken as given",
            },
            "meta": self.meta(question),
        }

    def incremental(self, question: Question, spec: ModelSpec) -> dict[str, Any]:
        self._note("incremental", question)
        return brought(self.channels, self.lift_tests) | {"meta": self.meta(question)}

    def models(self) -> list[dict[str, Any]]:
        names = ("first_touch", "last_touch", "linear", "position_based", "time_decay")
        return [{"name": name, "title": words.model(name), "kind": "rule"} for name in names]

    def _note(self, name: str, question: Question) -> None:
        self.asked.append((name, question.to_params()))
        if self.failure is not None:
            raise self.failure
