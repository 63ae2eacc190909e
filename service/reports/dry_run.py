"""The same question under two configurations, and what differs, to the last decimal."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from service.kit.errors import NotFound, Refusal
from service.reports.configuration import Edition
from service.reports.desk import ReportDesk
from service.reports.quality import DEFAULT_GROUPS
from service.reports.question import GROUPS, TIMES, Question

Answer = dict[str, Any]
LABELS = (*GROUPS, "path", "finding")
SUMS = frozenset(
    ("spend", "impressions", "clicks", "visits", "leads", "mqls", "sqls", "opportunities", "won",
     "conversions", "customers", "revenue", "value", "spend_lines", "touches", "paid_touches")
)  # fmt: skip
"""Figures that are nothing, and not unknown, in a row that an answer lacks."""
OWN = frozenset({"report", "every"})
"""Parameters besides those of a question."""


def _quality(desk: ReportDesk, question: Question, params: Mapping[str, str]) -> Answer:
    usual = "group_by" not in params
    return desk.quality(replace(question, group_by=DEFAULT_GROUPS) if usual else question)


def _trend(desk: ReportDesk, question: Question, params: Mapping[str, str]) -> Answer:
    every = params.get("every", "day")
    if every not in TIMES:
        raise Refusal("unknown_value", "every", f"every is one of {', '.join(TIMES)}")
    return desk.trend(question, every)


REPORTS: dict[str, Callable[[ReportDesk, Question, Mapping[str, str]], Answer]] = {
    "roi": lambda desk, question, _: desk.roi(question),
    "attribution": lambda desk, question, _: desk.attribution(question),
    "funnel": lambda desk, question, _: desk.funnel(question),
    "trend": _trend,
    "paths": lambda desk, question, _: desk.paths(question, 1_000),
    "quality": _quality,
}


class Held(Protocol):
    """What is published at a moment, and what is drafted; `service.reports.editions.Editions`."""

    def as_of(self, moment: int | datetime | None) -> Edition: ...

    def draft(self) -> Edition | None: ...


def dry_run(
    desk: ReportDesk, params: Mapping[str, str], currency: str, zone: ZoneInfo, now: datetime
) -> Answer:
    """A report's answer as it is, as the draft would make it, and the difference.

    Args: params: the query, with `report`; currency, zone, now: as of a question.
    Raises: NotFound `no_draft`; Refusal for a question that cannot be.
    """
    name = params.get("report", "roi")
    if name not in REPORTS:
        raise Refusal("unknown_value", "report", f"report is one of {', '.join(REPORTS)}")
    asked = {n: value for n, value in params.items() if n not in OWN}

    def under(edition: Edition, question: Question) -> Answer:
        return REPORTS[name](desk.under(edition), question, params)

    return {"report": name, **under_both(desk.editions, asked, currency, zone, now, under)}


def under_both(
    held: Held,
    params: Mapping[str, str],
    currency: str,
    zone: ZoneInfo,
    now: datetime,
    ask: Callable[[Edition, Question], Answer],
) -> Answer:
    """A question's answer under the published configuration and under the draft, compared; each has
    its own usual model and lookback where `params` name none.

    Raises: NotFound `no_draft`; Refusal for a question that cannot be under either.
    """
    if (draft := held.draft()) is None:
        raise NotFound("no_draft", "There is no draft; PUT one to /v1/configuration/draft.")

    def under(edition: Edition) -> Answer:
        question = Question.from_params(edition.settle(params), currency, zone, now)
        return ask(edition, question)

    return compare(under(held.as_of(Question.as_of_in(params))), under(draft))


def compare(now: Answer, draft: Answer) -> Answer:
    """Both answers, and by row, in `unattributed` and in `totals`: draft minus now.

    A row is known by its labels. One that an answer lacks counts as nothing where figures are added
    up; the difference of a ratio that either side lacks is unknown, so None. Numbers are subtracted
    as they are written: exactly.
    """
    rows = _rows(now, draft)
    rest = {
        name: difference(now.get(name) or {}, draft.get(name) or {})
        for name in ("unattributed", "totals")
    }
    changed = any(row["changed"] for row in rows) or differs(rest)
    return {"changed": changed, "rows": rows, **rest, "now": now, "draft": draft}


def differs(found: Any) -> bool:
    """Whether any figure of a difference is other than zero; None where either side lacks it."""
    if isinstance(found, Mapping):
        return any(differs(value) for value in found.values())
    return bool(found)


def _rows(now: Answer, draft: Answer) -> list[Answer]:
    old, new = _by_labels(now), _by_labels(draft)
    rows = []
    for labels in dict.fromkeys((*new, *old)):
        before, after = old.get(labels, {}), new.get(labels, {})
        found = difference(before, after)
        rows.append(
            {
                **{name: list(v) if isinstance(v, tuple) else v for name, v in labels},
                "changed": _figures(before) != _figures(after),
                "difference": found,
            }
        )
    return rows


def _by_labels(answer: Answer) -> dict[tuple[tuple[str, Any], ...], Answer]:
    found = {}
    for row in answer.get("rows") or answer.get("points") or ():
        labels = {name: row[name] for name in LABELS if name in row}
        key = {n: tuple(v) if isinstance(v, list) else v for n, v in labels.items()}
        found[tuple(key.items())] = row
    return found


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in LABELS}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Answer:
    """Of every figure of either; figures inside `models` and `participation` too."""
    found: Answer = {}
    for name in dict.fromkeys((*after, *before)):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            found[name] = difference(old or {}, new or {})
        elif _is_figure(old) or _is_figure(new):
            nothing = 0 if name in SUMS else None
            found[name] = _minus(nothing if new is None else new, nothing if old is None else old)
    return found


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _minus(left: Any, right: Any) -> int | float | None:
    if left is None or right is None:
        return None
    exact = Decimal(str(left)) - Decimal(str(right))
    return int(exact) if exact == exact.to_integral_value() else float(exact)
