"""The overview and the drill from a channel to its campaigns and their conversions."""

from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from service.reports.question import Question
from service.web import words
from service.web.asking import NOWHERE, Asked, Where
from service.web.early import Early, explain_early, is_early
from service.web.figures import CHOICES, build_cards, build_figure, fill_gaps
from service.web.format import Formatter
from service.web.pages import formatter_of, render
from service.web.parts import Report
from service.web.summary import findings, headline
from service.web.table import build_table, chosen_columns
from service.web.views_changes import CARD, CHANGES
from service.web.visits import note_visit
from service.web.why import Why, row_cell
from service.web.words import METRICS

CONVERSIONS_PER_PAGE = 25


def show_overview(request: Request) -> Response:
    """What was spent, what it brought, and by which channel."""
    asked = Asked.read(request)
    desk, state = asked.parts.desk, asked.state
    question = asked.question(group_by="channel")
    report = desk.roi(question)
    if is_untouched(report) and not state.as_of:
        return render(request, "welcome.html", base_url=base_url_of(request))
    formatter = formatter_of(request, report["meta"]["currency"])
    earlier = asked.question_before(group_by="channel")
    before = desk.roi(earlier) if earlier is not None else None
    points, points_before, unattributed = trend_of(asked, NOWHERE)
    response = render(
        request,
        "overview.html",
        formatter=formatter,
        asked=asked,
        state=state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        headline=headline(report, before, formatter),
        findings=findings(report, formatter),
        cards=build_cards(
            report["totals"], before["totals"] if before else None, points, formatter
        ),
        figure=build_figure(
            points, points_before, unattributed, asked.every, state.metric, formatter
        ),
        choices=CHOICES,
        table=build_table(
            report, before, "channel", chosen_columns(state.columns), state.sort, formatter
        ),
        why=Why(state, NOWHERE, asked.days_before),
        early=early_of(asked, report, NOWHERE, "channel", formatter),
        reasons=desk.attribution(only_first(question))["unattributed"]["reasons"],
        all_metrics=words.METRICS,
        csv=asked.csv(group_by="channel"),
        link=lambda name: state.url(f"/channels/{quote(name, safe='')}", sort="") if name else None,
        card=state.page(CARD),
        changes=state.page(CHANGES),
    )
    note_visit(request, response)
    return response


def show_channel(request: Request, channel: str) -> Response:
    """One channel: its campaigns, or with `campaign=` one of them, and the conversions behind."""
    asked = Asked.read(request)
    state = asked.state
    where, own, dimension = {"channel": channel}, "channel", "campaign"
    if state.campaign:
        where, own, dimension = where | {"campaign": state.campaign}, "campaign", "content"
    report, before = drilled(asked, where, own, dimension)
    formatter = formatter_of(request, report["meta"]["currency"])
    conversions = asked.parts.desk.journeys(
        asked.question(where), CONVERSIONS_PER_PAGE, state.cursor or None, state.search
    )
    return render(
        request,
        "channel.html",
        formatter=formatter,
        asked=asked,
        state=state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        channel=channel,
        dimension=dimension,
        cards=build_cards(
            report["totals"],
            before["totals"] if before else None,
            trend_of(asked, where)[0],
            formatter,
        ),
        table=build_table(
            report,
            before,
            dimension,
            chosen_columns(state.columns),
            state.sort,
            formatter,
            row_cell(own, where[own]),
        ),
        why=Why(state, where, asked.days_before),
        early=early_of(asked, report, where, dimension, formatter),
        all_metrics=words.METRICS,
        conversions=conversions,
        csv=asked.csv(where, group_by=dimension),
        link=lambda name: (
            state.url(request.url.path, campaign=name, cursor="", search="", sort="")
            if name and dimension == "campaign"
            else None
        ),
    )


def only_first(question: Question) -> Question:
    """The question under the first of its models, as the table answers it."""
    return replace(question, models=question.models[:1])


def trend_of(asked: Asked, where: Where) -> tuple[list[Report], list[Report], Report]:
    """The points of the chosen and of the compared days, and what belongs to no point."""
    desk, every = asked.parts.desk, asked.every
    trend = desk.trend(asked.question(where), every)
    earlier = asked.question_before(where)
    old: list[Report] = []
    if earlier is not None and asked.days_before is not None:
        old = fill_gaps(desk.trend(earlier, every)["points"], asked.days_before, every)
    return fill_gaps(trend["points"], asked.days, every), old, trend["unattributed"]


def early_of(
    asked: Asked, report: Report, where: Where, dimension: str, formatter: Formatter
) -> Early:
    """Which rows it is too early to judge; where there are none, nothing is asked."""
    if not is_early(report):
        return Early()
    cohorts = asked.parts.desk.maturity(asked.question(where, group_by=dimension), "period")
    return explain_early(report, cohorts, dimension, formatter)


def drilled(asked: Asked, where: Where, own: str, dimension: str) -> tuple[Report, Report | None]:
    """The rows inside one channel or campaign, with its own figures as their total.

    What is unattributed belongs to no channel, so no such row stands here.
    """
    desk = asked.parts.desk

    def inside(rows: Question, whole: Question) -> Report:
        totals = desk.roi(whole)["rows"]
        nothing = dict.fromkeys(METRICS, None) | {m.key: 0 for m in METRICS.values() if m.adds}
        return desk.roi(rows) | {
            "unattributed": None,
            "totals": totals[0] if totals else nothing,
        }

    report = inside(asked.question(where, group_by=dimension), asked.question(where, group_by=own))
    rows = asked.question_before(where, group_by=dimension)
    whole = asked.question_before(where, group_by=own)
    before = inside(rows, whole) if rows is not None and whole is not None else None
    return report, before


def is_untouched(report: Report) -> bool:
    """Whether the ledger has never seen a fact, as opposed to a period without any."""
    meta = report["meta"]
    return not meta["watermark"] and not report["rows"]


def base_url_of(request: Request) -> str:
    """The public address to show in examples, without a slash at its end."""
    configured: str = request.app.state.parts.settings.base_url
    return (configured or str(request.base_url)).rstrip("/")
