"""Why a report is not what it was: the difference by cause, and the facts behind each cause."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.kit.errors import Refusal
from service.ledger.read import received_by_seq
from service.reports.changes import CAUSES, MEASURES, facts_page, split
from service.reports.configuration import Edition
from service.reports.moments import AsOf, settings_between
from service.reports.question import Question
from service.web import words
from service.web.asking import Asked
from service.web.explaining import kind_of
from service.web.format import Formatter, Number
from service.web.pages import formatter_of, render
from service.web.parts import Report
from service.web.visits import last_visit
from service.web.why import EXPLAIN, row_cell

CHANGES = "/changes"
CARD = "/changes/card"
REPORT = "roi"
USUAL_AGE = timedelta(days=7)
FACTS_PER_PAGE = 50


@dataclass(frozen=True)
class Changed:
    """A difference as it is shown, with its sign; `exact` is the number itself."""

    text: str
    exact: str
    tone: str


BETWEEN_CHANNELS = Changed("between channels only", "0", "")


@dataclass(frozen=True)
class Row:
    """A line of the table: then, the causes shown, now. `was` and `is_now` explain the two ends."""

    name: str | None
    then: str
    causes: list[Changed]
    now: str
    difference: Changed
    was: str
    is_now: str


@dataclass(frozen=True)
class Since:
    """The first moment: what the address says of it, what it is, and how it is called."""

    text: str
    moment: AsOf
    called: str


def show_changes(request: Request) -> Response:
    """The chosen figure then and now, and what made the difference."""
    asked = Asked.read(request)
    state = asked.state
    formatter = formatter_of(request, state.currency or None)
    since = since_of(request, asked, formatter)
    found, until = _changes(asked, since.moment)
    formatter = formatter_of(request, found["meta"]["currency"])
    shown = [c["cause"] for c in found["causes"] if c["difference"] or _moved(found, c["cause"])]
    return render(
        request,
        "changes.html",
        formatter=formatter,
        state=state,
        bar=asked.bar(formatter),
        meta=found["meta"],
        since=since,
        until=asked.moment_words(state.as_of, formatter) or "now",
        measure=found["measure"],
        figures={name: words.measure(name) for name in MEASURES[REPORT]},
        total=difference(found["totals"]["difference"], found["measure"], formatter),
        then=formatter.full(kind_of(found["measure"]), found["totals"]["from"]),
        now_is=formatter.full(kind_of(found["measure"]), found["totals"]["to"]),
        causes=_told_causes(found, formatter),
        shown=shown,
        rows=_rows(asked, since, found, shown, formatter),
        facts=_facts(asked, since.moment, until, state.cause) if state.cause else None,
    )


def show_card(request: Request) -> Response:
    """What changed of what the reader saw at the last visit, as a part of the overview; nothing
    where there was nothing to see yet."""
    asked = Asked.read(request)
    formatter = formatter_of(request, asked.state.currency or None)
    since = since_of(request, asked, formatter)
    found, _ = _changes(asked, since.moment)
    if not found["between"]["from"]["watermark"]:
        return HTMLResponse("")
    formatter = formatter_of(request, found["meta"]["currency"])
    return render(
        request,
        "changes_card.html",
        formatter=formatter,
        since=since,
        measure=found["measure"],
        total=difference(found["totals"]["difference"], found["measure"], formatter),
        then=formatter.full(kind_of(found["measure"]), found["totals"]["from"]),
        now_is=formatter.full(kind_of(found["measure"]), found["totals"]["to"]),
        causes=[cause for cause in _told_causes(found, formatter) if cause["moved"]],
        more=asked.state.page(CHANGES, since=since.text, measure=asked.state.measure),
    )


def since_of(request: Request, asked: Asked, formatter: Formatter) -> Since:
    """The moment of the address, else the end of the last visit, else a week ago."""
    text, visited = asked.state.since, False
    if not text:
        at, visited = _usual_moment(request, asked)
        local = at.astimezone(asked.zone).replace(tzinfo=None)
        text = local.isoformat(timespec="minutes")
    # What the text says, not a second more: the links ask for the numbers that stand here.
    moment = asked.moment("since", text)
    assert moment is not None
    said = asked.moment_words(text, formatter)
    return Since(text, moment, f"your last visit, {said}" if visited else said)


def _usual_moment(request: Request, asked: Asked) -> tuple[datetime, bool]:
    """And whether it is the last visit's end; a week before the second moment where neither that
    nor a week ago lies before it."""
    visit = last_visit(request)
    at = visit or asked.parts.clock() - USUAL_AGE
    until = asked.moment("as_of", asked.state.as_of)
    if isinstance(until, int):
        until = received_by_seq(asked.parts.engine, until)
    if until is not None and until < at:
        return until - USUAL_AGE, False
    return at, visit is not None


def _changes(asked: Asked, since: AsOf) -> tuple[Report, AsOf | None]:
    """The difference by cause, and the second moment; None is now. Raises: Refusal."""
    measure = asked.state.measure or MEASURES[REPORT][0]
    if measure not in MEASURES[REPORT]:
        known = ", ".join(MEASURES[REPORT])
        raise Refusal("unknown_value", "measure", f"measure is one of {known}")
    until = asked.moment("as_of", asked.state.as_of)

    def under(edition: Edition) -> Question:
        return replace(asked.question_under(edition, group_by="channel"), as_of=None)

    try:
        steps = asked.parts.desk.changes(REPORT, since, until, under)
    except Refusal as refusal:
        if refusal.field != "to_as_of":
            raise
        detail = "the first moment must not lie after the second"
        raise Refusal(refusal.code, "since", detail) from None
    return split(steps, measure), until


def difference(amount: Number, measure: str, formatter: Formatter) -> Changed:
    """With its sign; good or bad by what the figure is."""
    text = formatter.full(kind_of(measure), amount)
    good = words.METRICS[measure].good if measure in words.METRICS else "up"
    if not amount:
        return Changed("no change", str(amount), "")
    tone = "" if not good else "good" if (amount > 0) == (good == "up") else "bad"
    return Changed(f"+{text}" if amount > 0 else text, str(amount), tone)


def _moved(found: Report, cause: str) -> bool:
    """Whether a cause moved any row, though the rows may cancel out."""
    rows = [*found["rows"], found["unattributed"]]
    return any(row["causes"][cause] for row in rows)


def _told_causes(found: Report, formatter: Formatter) -> list[dict[str, Any]]:
    def told(cause: Report) -> dict[str, Any]:
        amount, moved = cause["difference"], _moved(found, cause["cause"])
        by_cause = difference(amount, found["measure"], formatter)
        return {
            "cause": cause["cause"],
            "title": words.CAUSES[cause["cause"]],
            "meaning": cause["meaning"],
            "count": cause["facts"]["count"],
            "difference": by_cause if amount or not moved else BETWEEN_CHANNELS,
            "moved": bool(amount) or moved,
        }

    return [told(cause) for cause in found["causes"]]


def _rows(
    asked: Asked, since: Since, found: Report, shown: list[str], formatter: Formatter
) -> list[Row]:
    measure, state = found["measure"], asked.state

    def explained(cell: str, as_of: str) -> str:
        return state.page(EXPLAIN, cell=cell, measure=measure, as_of=as_of)

    def line(name: str | None, row: Report, cell: str) -> Row:
        kind = kind_of(measure)
        return Row(
            name,
            formatter.full(kind, row["from"]),
            [difference(row["causes"][cause], measure, formatter) for cause in shown],
            formatter.full(kind, row["to"]),
            difference(row["difference"], measure, formatter),
            explained(cell, since.text),
            explained(cell, state.as_of),
        )

    rows = [line(row["channel"], row, row_cell("channel", row["channel"])) for row in found["rows"]]
    rest = [line("Unattributed", found["unattributed"], "unattributed")]
    return [*rows, *rest, line("Total", found["totals"], "")]


def _facts(asked: Asked, since: AsOf, until: AsOf | None, cause: str) -> dict[str, Any]:
    """One page of the facts behind a cause. Raises: Refusal for a cause that there is not."""
    if cause not in CAUSES:
        raise Refusal("unknown_value", "cause", f"cause is one of {', '.join(CAUSES)}")
    bots = asked.question().with_bots
    between, causes = asked.parts.desk.changed_facts(since, until, bots)
    told = {"cause": cause, "title": words.CAUSES[cause], "next": None}
    if cause == "configuration":
        return told | {"items": settings_between(between)}
    cursor = asked.state.cursor
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Refusal("bad_cursor", "cursor", "take `cursor` from the page before")
    after = int(cursor or 0)
    items, following = facts_page(
        asked.parts.engine, causes, cause, after, FACTS_PER_PAGE, with_payload=False
    )
    return told | {"items": items, "next": None if following is None else str(following)}
