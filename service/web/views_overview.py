"""The overview and the drill from a channel to its campaigns and their conversions."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from service.web import words
from service.web.asking import Asked
from service.web.figures import CHOICES, build_cards, build_figure
from service.web.pages import formatter_of, render
from service.web.summary import findings, headline
from service.web.table import build_table, chosen_columns

CONVERSIONS_PER_PAGE = 25


def show_overview(request: Request) -> Response:
    """What was spent, what it brought, and by which channel."""
    asked = Asked.read(request)
    desk, state = asked.parts.desk, asked.state
    report = desk.roi(asked.question(group_by="channel"))
    if is_untouched(report):
        return render(request, "welcome.html", base_url=base_url_of(request))
    formatter = formatter_of(request, report["meta"]["currency"])
    earlier = asked.question_before(group_by="channel")
    before = desk.roi(earlier) if earlier is not None else None
    trend = desk.trend(asked.question(), asked.every)
    earlier = asked.question_before()
    trend_before = desk.trend(earlier, asked.every) if earlier is not None else None
    metrics = chosen_columns(state.columns)
    return render(
        request,
        "overview.html",
        formatter=formatter,
        asked=asked,
        state=state,
        bar=asked.bar(formatter),
        meta=report["meta"],
        headline=headline(report, before, formatter),
        findings=findings(report, formatter),
        cards=build_cards(report, before, trend, formatter),
        figure=build_figure(trend, trend_before, asked.every, state.metric, formatter),
        choices=CHOICES,
        table=build_table(report, before, "channel", metrics, state.sort, formatter),
        all_metrics=words.METRICS,
        csv=asked.csv(group_by="channel"),
        link=lambda name: state.url(f"/channels/{quote(name, safe='')}", sort="") if name else None,
    )


def show_channel(request: Request, channel: str) -> Response:
    """One channel: its campaigns, or with `campaign=` one of them, and the conversions behind."""
    asked = Asked.read(request)
    desk, state = asked.parts.desk, asked.state
    filters = {"filter[channel]": channel}
    dimension = "campaign"
    if state.campaign:
        filters["filter[campaign]"] = state.campaign
        dimension = "content"
    report = desk.roi(asked.question(group_by=dimension, **filters))
    formatter = formatter_of(request, report["meta"]["currency"])
    earlier = asked.question_before(group_by=dimension, **filters)
    before = desk.roi(earlier) if earlier is not None else None
    trend = desk.trend(asked.question(**filters), asked.every)
    conversions = desk.journeys(
        asked.question(**filters), CONVERSIONS_PER_PAGE, state.cursor or None, state.search or None
    )
    metrics = chosen_columns(state.columns)
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
        cards=build_cards(report, before, trend, formatter),
        table=build_table(report, before, dimension, metrics, state.sort, formatter),
        all_metrics=words.METRICS,
        conversions=conversions,
        csv=asked.csv(group_by=dimension, **filters),
        link=lambda name: (
            state.url(request.url.path, campaign=name, cursor="", search="", sort="")
            if name and dimension == "campaign"
            else None
        ),
    )


def is_untouched(report: dict[str, Any]) -> bool:
    """Whether the ledger has never seen a fact, as opposed to a period without any."""
    meta = report["meta"]
    return not meta["watermark"] and not report["rows"]


def base_url_of(request: Request) -> str:
    """The public address to show in examples, without a slash at its end."""
    configured: str = request.app.state.parts.settings.base_url
    return (configured or str(request.base_url)).rstrip("/")
