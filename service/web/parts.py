"""What the dashboard needs from the rest of the service, found at `request.app.state.parts`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from starlette.requests import Request

from service.attribution.models import ModelSpec
from service.collect.replay import Mender
from service.journeys.causes import Causes
from service.reports.cell_parts import Cell
from service.reports.changes import Steps
from service.reports.configuration import Edition
from service.reports.moments import AsOf, Between
from service.reports.question import Question
from service.web.session import SignIn

Report = dict[str, Any]


class Editions(Protocol):
    def as_of(self, moment: AsOf | None) -> Edition:
        """The published configuration of a moment; None is now."""
        ...

    def draft(self) -> Edition | None:
        """What is drafted; None without a draft."""
        ...


class Desk(Protocol):
    """The reports as the dashboard asks for them; `service.reports.desk.ReportDesk` is one."""

    @property
    def editions(self) -> Editions: ...

    def attribution(self, question: Question) -> Report: ...

    def roi(self, question: Question) -> Report: ...

    def trend(self, question: Question, every: str) -> Report: ...

    def cell(
        self,
        question: Question,
        report: str,
        cell: Cell,
        measure: str,
        limit: int,
        cursor: str | None,
    ) -> Report: ...

    def maturity(self, question: Question, every: str) -> Report: ...

    def journeys(
        self, question: Question, limit: int, cursor: str | None, search: str
    ) -> Report: ...

    def journey(self, conversion_id: str, question: Question) -> Report: ...
    def explain(self, conversion_id: str, question: Question) -> Report: ...

    def changes(
        self,
        report: str,
        since: AsOf,
        until: AsOf | None,
        asked: Callable[[Edition], Question],
    ) -> Steps: ...

    def changed_facts(
        self, since: AsOf, until: AsOf | None, with_bots: bool
    ) -> tuple[Between, Causes]: ...

    def compare(self, question: Question) -> Report: ...

    def incremental(self, question: Question, spec: ModelSpec) -> Report: ...

    def models(self) -> list[Report]: ...

    def status(self) -> Report: ...

    def under(self, edition: Edition) -> "Desk":
        """The same desk, but every answer is what it would be under this edition."""
        ...

    def forget(self) -> None:
        """Look again at everything with the next question."""
        ...


class WebSettings(Protocol):
    """`currency` is ISO 4217, `timezone` an IANA name, `base_url` empty when not configured."""

    @property
    def currency(self) -> str: ...

    @property
    def timezone(self) -> str: ...

    @property
    def base_url(self) -> str: ...


class Parts(Protocol):
    @property
    def engine(self) -> Engine: ...

    @property
    def mender(self) -> Mender: ...

    @property
    def desk(self) -> Desk: ...

    @property
    def settings(self) -> WebSettings: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...

    @property
    def signin(self) -> SignIn: ...


def parts_of(request: Request) -> Parts:
    """The parts the application was put together from."""
    parts: Parts = request.app.state.parts
    return parts


def zone_of(parts: Parts) -> ZoneInfo:
    """The zone in which days are counted and shown."""
    return ZoneInfo(parts.settings.timezone)
