"""The one place where readers ask: opens the right state of the mart, answers, remembers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cache
from operator import itemgetter
from typing import Any, cast

import duckdb
from sqlalchemy import Engine

from service.attribution.calibration import Factor
from service.attribution.catalogue import describe_models
from service.attribution.models import DEFINITIONS, ModelSpec
from service.journeys.causes import Causes
from service.journeys.mart import Mart
from service.kit.errors import Refusal
from service.kit.memory import Memory
from service.kit.time import iso
from service.ledger.facts import facts_at
from service.ledger.read import last_seq
from service.reports import attribution as attribution_report
from service.reports import cells as cells_report
from service.reports import compare as compare_report
from service.reports import explain as explain_report
from service.reports import funnel as funnel_report
from service.reports import incremental as incremental_report
from service.reports import journeys as journeys_report
from service.reports import maturity as maturity_report
from service.reports import paths as paths_report
from service.reports import quality as quality_report
from service.reports import records
from service.reports import roi as roi_report
from service.reports.applied import apply_edition
from service.reports.calibrated import calibration_of
from service.reports.campaigns import prepare_rules
from service.reports.caused import Calibrate
from service.reports.cell_parts import Cell
from service.reports.changes import Steps, check_end, facts_by_cause, steps_between
from service.reports.configuration import Edition
from service.reports.editions import Editions
from service.reports.exchange import prepare_factors
from service.reports.intervals import attribution_with_intervals, roi_with_intervals
from service.reports.lags import DEFAULT_THRESHOLD, LagBook
from service.reports.lift_tests import list_lift_tests
from service.reports.marts import Marts
from service.reports.moments import AsOf, Between, Moment, two_moments
from service.reports.question import Question
from service.reports.wholes import Wholes

Answer = dict[str, Any]
REMEMBERED = 512


def _versions(tests: list[Answer]) -> list[tuple[str, int]]:
    return [(test["id"], test["version"]) for test in tests]


def _calibrate(mart: duckdb.DuckDBPyConnection, tests: list[Answer]) -> Calibrate:
    @cache
    def factors(question: Question, spec: ModelSpec) -> Mapping[str, Factor]:
        return calibration_of(mart, question, spec, tests, incremental_report.measure).factors

    return factors


class ReportDesk:
    """Answers questions from a mart. Thread-safe; every answer sees one state of the mart.

    An answer is remembered until the mart changes. Callers must not change what they are given.
    """

    def __init__(
        self,
        mart: Mart,
        engine: Engine,
        rate_max_age_days: int,
        make_mart: Callable[[], Mart],
        make_bots_mart: Callable[[], Mart] | None = None,
        maturity_threshold: float = DEFAULT_THRESHOLD,
    ) -> None:
        """`make_mart` gives an empty mart in memory, for questions as of an earlier moment;
        `make_bots_mart` one in which robots count, for questions that include them."""
        self._mart = mart
        self._engine = engine
        self._marts = Marts(mart, engine, make_mart, make_bots_mart)
        self._rate_max_age_days = rate_max_age_days
        self._answers: Memory[Any] = Memory(REMEMBERED)
        self._lags = LagBook(maturity_threshold)
        self._wholes = Wholes()
        self.editions = Editions(engine)
        self._edition: Edition | None = None
        self._erasure = mart.erasure

    def attribution(self, question: Question, intervals: bool = False) -> Answer:
        tests = self._tests(question)
        answer = attribution_with_intervals if intervals else attribution_report.attribution
        return self._ask(
            f"attribution {intervals} {_versions(tests)}",
            question,
            lambda m: answer(m, question, calibrate=_calibrate(m, tests)),
        )

    def roi(self, question: Question, intervals: bool = False) -> Answer:
        tests = self._tests(question)
        answer = roi_with_intervals if intervals else roi_report.roi
        return self._ask(
            f"roi {intervals} {_versions(tests)}",
            question,
            lambda m: answer(m, question, book=self._lags, calibrate=_calibrate(m, tests)),
        )

    def compare(self, question: Question) -> Answer:
        """The question's models side by side, each with its intervals, and a verdict per row."""
        return self._ask("compare", question, lambda m: compare_report.compare(m, question))

    def maturity(self, question: Question, every: str = "week") -> Answer:
        """Cohorts of touches by day, week, month or period: what has come of them, what is expected."""
        return self._ask(
            f"maturity {every}",
            question,
            lambda m: maturity_report.maturity(m, question, every, self._lags),
        )

    def incremental(self, question: Question, spec: ModelSpec) -> Answer:
        """What would not have happened without a channel; calibrated by the lift tests known then."""
        tests = self._tests(replace(question, models=(spec,)))
        return self._ask(
            f"incremental {spec} {_versions(tests)}",
            question,
            lambda m: incremental_report.incremental(m, question, spec, tests),
        )

    def _tests(self, question: Question) -> list[Answer]:
        """The lift tests that held then; none where no model of the question knows them."""
        if not any(DEFINITIONS[model.name].kind == "hazard" for model in question.models):
            return []
        return list_lift_tests(self._engine, self.editions.settled_at(question.as_of))

    def trend(self, question: Question, every: str = "day") -> Answer:
        """Points of spend, revenue and counts by day, week or month of the period, oldest first; so
        are the rows of what would not have happened."""
        by_time = replace(question, group_by=(every,))
        answer = self.roi(by_time)
        return {
            "points": answer["rows"],
            "incremental": [
                {**model, "rows": sorted(model["rows"], key=itemgetter(every))}
                for model in answer["incremental"]
            ],
            "unattributed": answer["unattributed"],
            "totals": answer["totals"],
            "meta": answer["meta"],
        }

    def journeys(
        self, question: Question, limit: int = 50, cursor: str | None = None, search: str = ""
    ) -> Answer:
        return self._ask(
            f"journeys {limit} {cursor} {search}",
            question,
            lambda m: journeys_report.list_journeys(m, question, limit, cursor, search),
        )

    def journey(self, conversion_id: str, question: Question) -> Answer:
        return self._ask(
            f"journey {conversion_id}",
            question,
            lambda m: journeys_report.one_journey(m, question, conversion_id, self._wholes.load),
        )

    def explain(self, conversion_id: str, question: Question) -> Answer:
        return self._ask(
            f"explain {conversion_id}",
            question,
            lambda m: explain_report.explain(
                m,
                question,
                conversion_id,
                lambda seqs: facts_at(self._engine, seqs),
                self._wholes.load,
            ),
        )

    def cell(
        self,
        question: Question,
        report: str,
        cell: Cell,
        measure: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Answer:
        """One number of a report and what it is made of. Raises Refusal, NotFound."""
        measure = cells_report.measure_of(report, measure)
        return self._ask(
            f"cell {report} {cell} {measure} {limit} {cursor}",
            question,
            lambda m: cells_report.explain_cell(m, question, report, cell, measure, limit, cursor),
        )

    def paths(self, question: Question, limit: int = 50, cursor: str | None = None) -> Answer:
        return self._ask(
            f"paths {limit} {cursor}",
            question,
            lambda m: paths_report.paths(m, question, limit, cursor),
        )

    def funnel(self, question: Question) -> Answer:
        return self._ask("funnel", question, lambda m: funnel_report.funnel(m, question))

    def spend(self, question: Question, limit: int = 100, cursor: str | None = None) -> Answer:
        return self._ask(
            f"spend {limit} {cursor}",
            question,
            lambda m: records.spend_lines(m, question, limit, cursor),
        )

    def quality(self, question: Question) -> Answer:
        """Where spend and touches do not meet."""
        return self._ask("quality", question, lambda m: quality_report.quality(m, question))

    def person(self, person_id: str) -> Answer:
        with self._mart.reading() as mart:
            return records.person(mart, person_id)

    def models(self) -> list[Answer]:
        return describe_models()

    def status(self) -> Answer:
        """How far the mart is: watermark, newest fact, how many facts wait."""
        with self._mart.reading() as mart:
            watermark, configuration, fresh_to = mart.execute(
                "SELECT watermark, configuration, fresh_to FROM state"
            ).fetchall()[0]
            first, last = mart.execute(
                "SELECT MIN(occurred_at), MAX(occurred_at) FROM ("
                "SELECT MIN(occurred_at) AS occurred_at FROM touchpoints UNION ALL "
                "SELECT MAX(occurred_at) FROM touchpoints UNION ALL "
                "SELECT MIN(occurred_at) FROM conversions UNION ALL "
                "SELECT MAX(occurred_at) FROM conversions) AS edges"
            ).fetchall()[0]
        newest = last_seq(self._engine)
        return {
            "watermark": watermark,
            "ledger_watermark": newest,
            "behind": newest - watermark,
            "configuration": configuration,
            "fresh_to": iso(fresh_to),
            "first_at": iso(first),
            "last_at": iso(last),
            "empty": watermark == 0,
        }

    def include(self, watermark: int) -> None:
        """Make sure that answers include `watermark`. Raises Refusal when there is no such seq."""
        if not self._mart.include(watermark):
            raise Refusal("unknown_watermark", "min_watermark", "the ledger has not come so far")
        self._forget_erased(self._mart.erasure)

    @contextmanager
    def reading(self, question: Question) -> Iterator[duckdb.DuckDBPyConnection]:
        """One state of the mart, with the exchange rates of the question's currency."""
        edition = self._edition_of(question)
        with self._marts.of(question).reading() as mart:
            prepare_factors(mart, question.currency, self._rate_max_age_days)
            apply_edition(mart, edition)
            yield mart

    def under(self, edition: Edition) -> "ReportDesk":
        """The same desk, but every answer is what it would be under this edition."""
        other = copy(self)
        other._edition = edition
        return other

    def _edition_of(self, question: Question) -> Edition:
        return self._edition or self.editions.as_of(question.as_of)

    def _ask(
        self, kind: str, question: Question, answer: Callable[[duckdb.DuckDBPyConnection], Answer]
    ) -> Answer:
        version, rules = self.editions.campaign_rules(question.as_of)
        edition = self._edition_of(question)
        with self._marts.of(question).reading() as mart:
            watermark, configuration, erasure = mart.execute(
                "SELECT watermark, configuration, erasure FROM state"
            ).fetchall()[0]
            self._forget_erased(erasure)
            named = (edition.version, edition.draft, edition.digest)
            key = (kind, question, watermark, configuration, erasure, version, named)
            if (known := self._answers.get(key)) is not None:
                return cast(Answer, known)
            prepare_factors(mart, question.currency, self._rate_max_age_days)
            prepare_rules(mart, version, rules)
            apply_edition(mart, edition)
            found = answer(mart)
        return cast(Answer, self._answers.keep(key, found))

    def _forget_erased(self, erasure: int) -> None:
        """Drop what was found before somebody was erased: it may name him."""
        if erasure > self._erasure:
            self._erasure = erasure
            self._marts.forget()
            self.forget()

    def changes(
        self,
        report: str,
        since: AsOf,
        until: AsOf | None,
        asked: Callable[[Edition], Question],
    ) -> Steps:
        """How the report of an earlier moment became that of a later one (default: now).

        Args: asked: the question as it is under an edition, which decides what is not given.
        """
        then, later = self._moments(since, until)
        questions = (asked(then.edition), asked(later.edition))
        key = ("changes", report, questions, then.name, later.name)
        if (known := self._answers.get(key)) is not None:
            return cast(Steps, known)
        base = self._marts.as_of(then.watermark, questions[0].with_bots)
        between = Between(self._engine, then, later, self._rate_max_age_days)
        steps = steps_between(base, between, questions, report)
        if until is None:
            now = self.roi if report == "roi" else self.attribution
            check_end(steps, now(questions[1]))
        return cast(Steps, self._answers.keep(key, steps))

    def changed_facts(
        self, since: AsOf, until: AsOf | None, with_bots: bool = False
    ) -> tuple[Between, Causes]:
        """The two moments, and the seqs of the facts between them by cause."""
        then, later = self._moments(since, until)
        between = Between(self._engine, then, later, self._rate_max_age_days)
        key = ("facts", then.name, later.name, with_bots)
        return between, self._answers.get_or_make(
            key, lambda: facts_by_cause(self._marts.as_of(then.watermark, with_bots), between)
        )

    def _moments(self, since: AsOf, until: AsOf | None) -> tuple[Moment, Moment]:
        return two_moments(self._engine, self.editions, self._mart.watermark, since, until)

    def forget(self) -> None:
        """Drop what is remembered, so that the next answers are computed."""
        self.editions.forget()
        self._wholes.forget()
        self._answers.forget()
