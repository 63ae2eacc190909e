"""What a draft of the configuration would make of the ROI report, for its page."""

from dataclasses import dataclass
from typing import Any

from service.kit.errors import Refusal
from service.reports.configuration import Edition
from service.reports.dry_run import under_both
from service.reports.question import Question
from service.web import words
from service.web.asking import Asked
from service.web.explaining import kind_of
from service.web.format import Formatter
from service.web.parts import Report

FIGURES = {"revenue": "Revenue", "conversions": "Conversions"}


@dataclass(frozen=True)
class Figure:
    """A figure as it is, under the draft, and what differs; each as text and with every digit."""

    before: tuple[str, str]
    after: tuple[str, str]
    difference: tuple[str, str]
    moved: bool


@dataclass(frozen=True)
class Line:
    """A row of the report. `others`: which of its other figures the draft changes too."""

    name: str | None
    figures: list[Figure]
    others: str


@dataclass(frozen=True)
class Effect:
    """The rows that the draft changes, then unattributed and the total. `same`: the channels that
    stay as they are; `refused`: why the question cannot be asked, in place of all else."""

    changed: bool = False
    lines: tuple[Line, ...] = ()
    rest: tuple[Line, ...] = ()
    same: tuple[str, ...] = ()
    refused: str = ""
    meta: Report | None = None


def effect_of(asked: Asked, formatter: Formatter) -> Effect:
    """The draft's effect in the chosen period. What the reader has not chosen, the usual model and
    lookback, is each configuration's own."""
    parts, params = asked.parts, asked.chosen(group_by="channel")

    def roi(edition: Edition, question: Question) -> Report:
        return parts.desk.under(edition).roi(question)

    held, currency = parts.desk.editions, parts.settings.currency
    try:
        found = under_both(held, params, currency, asked.zone, parts.clock(), roi)
    except Refusal as refusal:
        return Effect(refused=refusal.detail)
    return _effect(found, formatter)


def _effect(found: Report, formatter: Formatter) -> Effect:
    old, new = (_by_channel(found[side]) for side in ("now", "draft"))
    lines, same = [], []
    for row in found["rows"]:
        name = row["channel"]
        if row["changed"]:
            sides = (old.get(name, {}), new.get(name, {}))
            lines.append((row["difference"], _line(name, *sides, row["difference"], formatter)))
        else:
            same.append(words.channel(name))
    lines.sort(key=lambda pair: -max(abs(pair[0].get(figure) or 0) for figure in FIGURES))
    rest = [
        _line(name, found["now"][key], found["draft"][key], found[key], formatter)
        for name, key in (("Unattributed", "unattributed"), ("Total", "totals"))
    ]
    return Effect(
        found["changed"],
        tuple(line for _, line in lines),
        tuple(rest),
        tuple(same),
        meta=found["draft"]["meta"],
    )


def _by_channel(answer: Report) -> dict[str | None, Report]:
    return {row["channel"]: row for row in answer["rows"]}


def _line(
    name: str | None, before: Report, after: Report, moved: Report, formatter: Formatter
) -> Line:
    others = [
        metric.label
        for key, metric in words.METRICS.items()
        if metric.adds and key not in FIGURES and moved.get(key)
    ]
    figures = [_figure(key, before, after, moved, formatter) for key in FIGURES]
    return Line(name, figures, ", ".join(others))


def _figure(key: str, before: Report, after: Report, moved: Report, formatter: Formatter) -> Figure:
    kind = kind_of(key)

    def told(amount: Any, sign: str = "") -> tuple[str, str]:
        text = formatter.money(amount) if kind == "money" else formatter.count(amount)
        return sign + text, sign + formatter.full(kind, amount)

    amount = moved[key]
    return Figure(
        told(before.get(key, 0)),
        told(after.get(key, 0)),
        told(amount, "+" if amount > 0 else ""),
        bool(amount),
    )
