"""What the endpoints work with; put together in `main`, reached through `request.app.state`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import httpx
from fastapi import Depends, Request
from sqlalchemy import Engine

from service.collect.bots import Judge
from service.collect.fetching import Fetcher
from service.collect.identifiers import IdentifierReader
from service.collect.replay import Mender
from service.collect.visitors import Visitors
from service.journeys.follow import Follower
from service.journeys.mart import Mart
from service.ledger.hooks import HookRing
from service.ledger.keys import KeyRing
from service.ledger.links import LinkRing
from service.ledger.writer import Writer
from service.reports.desk import ReportDesk
from service.settings import Settings

if TYPE_CHECKING:
    from service.api.refused import RefusedRequests


@dataclass(frozen=True)
class Parts:
    """Everything an endpoint may use."""

    settings: Settings
    clock: Callable[[], datetime]
    engine: Engine
    keys: KeyRing
    hooks: HookRing
    links: LinkRing
    writer: Writer
    fetcher: Fetcher
    mart: Mart
    follower: Follower
    desk: ReportDesk
    reader: IdentifierReader
    visitors: Visitors
    outbound: Callable[[], httpx.Client]
    judge: Judge
    mender: Mender
    refused: "RefusedRequests"
    signin: Any


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _needed(request: Request) -> Parts:
    # FastAPI runs plain functions in another thread, which costs more than this one does.
    return parts_of(request)


NeedsParts = Annotated[Parts, Depends(_needed)]
