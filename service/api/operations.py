"""For whoever runs the service: is it alive, is it ready, how is it doing."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.responses import PlainTextResponse, Response

from service.api import examples
from service.api.errors import problem
from service.api.formats import item_rows, readable, respond
from service.api.parts import NeedsParts, Parts
from service.api.schemas import described
from service.kit.db import reading
from service.kit.log import log
from service.ledger.intake import list_sources
from service.ledger.migrate import is_current

router = APIRouter(tags=["operations"])
GPC_SINCE = "2026-11-25"


@readable(
    router,
    "/livez",
    summary="Is the process alive",
    responses=described({"status": "alive"}),
)
def get_livez(request: Request) -> Response:
    """200 as long as the process answers."""
    return respond(request, {"status": "alive"}, item_rows, "json")


@readable(
    router,
    "/readyz",
    summary="Can it do its work",
    responses=described(examples.STATUS, 503, s503="not_ready"),
)
def get_readyz(request: Request, parts: NeedsParts) -> Response:
    """200 when the ledger answers and has this version's tables, and the mart follows it."""
    try:
        # Without a transaction: on SQLite one would take the writer's lock.
        current = is_current(reading(parts.engine))
        status = parts.desk.status()
    except Exception as error:
        log.error("not_ready", error=str(error))
        return problem(
            503, "not_ready", "The ledger or the mart cannot be read.", {"Retry-After": "2"}
        )
    if not current:
        return problem(
            503,
            "not_ready",
            "The ledger's tables are of another version; run throughline migrate.",
            {"Retry-After": "5"},
        )
    if status["watermark"] == 0 and status["behind"]:
        return problem(
            503, "not_ready", "The mart is being made from the ledger.", {"Retry-After": "2"}
        )
    if parts.follower.last_error:
        return problem(
            503,
            "not_ready",
            "The mart cannot follow the ledger; see the log.",
            {"Retry-After": "5"},
        )
    shown = {name: status[name] for name in ("watermark", "ledger_watermark", "behind")}
    return respond(request, {"status": "ready", **shown}, item_rows, "json")


class _State:
    """Numbers read when asked for: they come from the ledger, so they survive restarts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> list[CounterMetricFamily | GaugeMetricFamily]:
        items = CounterMetricFamily(
            "throughline_items",
            "Items received, by source and outcome.",
            labels=["source", "outcome"],
        )
        flagged = CounterMetricFamily(
            "throughline_flagged_items",
            "Accepted items that are flagged, by source and flag.",
            labels=["source", "flag"],
        )
        requests = CounterMetricFamily(
            "throughline_source_refused_requests",
            "Requests of a source that were refused as a whole, by code.",
            labels=["source", "code"],
        )
        for source in list_sources(self._parts.engine, self._parts.clock()):
            for family, counts in (
                (items, source["outcomes"]),
                (flagged, source["flagged"]),
                (requests, source["refused_requests"]),
            ):
                for name, count in counts.items():
                    family.add_metric([source["name"], name], count)
        refused = CounterMetricFamily(
            "throughline_refused_requests",
            "Requests refused as a whole in this process, by code, whoever sent them.",
            labels=["code"],
        )
        for code, count in self._parts.refused.counts().items():
            refused.add_metric([code], count)
        status = self._parts.desk.status()
        gauges = {
            "throughline_ledger_watermark": (
                "Newest seq of the ledger.",
                status["ledger_watermark"],
            ),
            "throughline_mart_watermark": (
                "Seq up to which the mart answers.",
                status["watermark"],
            ),
            "throughline_mart_refresh_seconds": (
                "Duration of the last refresh.",
                self._parts.follower.last_seconds,
            ),
            "throughline_queue_items": ("Items waiting for the writer.", self._parts.writer.queued),
        }
        return [
            items,
            flagged,
            requests,
            refused,
            *(GaugeMetricFamily(name, text, value) for name, (text, value) in gauges.items()),
        ]


@readable(
    router,
    "/.well-known/gpc.json",
    summary="Whether Global Privacy Control is honoured",
    responses=described({"gpc": True, "lastUpdate": GPC_SINCE}),
)
def get_gpc(request: Request, parts: NeedsParts) -> Response:
    """By W3C's Global Privacy Control; what that means is the deployment's `THROUGHLINE_CONSENT`."""
    honoured = parts.settings.consent != "ignore"
    return respond(request, {"gpc": honoured, "lastUpdate": GPC_SINCE}, item_rows, "json")


@readable(
    router,
    "/metrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "Prometheus text format",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "throughline_ledger_watermark 123.0\n",
                }
            },
        }
    },
)
def get_metrics(parts: NeedsParts) -> Response:
    """Counts per source and outcome since the beginning, watermarks, queue."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_State(parts))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
