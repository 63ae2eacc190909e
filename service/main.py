"""Where the parts are put together: settings in, application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from service.api import admin, campaigns, ingest, operations, reads
from service.api.docs import mount_docs, openapi_of
from service.api.errors import install_errors
from service.api.parts import Parts
from service.api.senders import create_senders
from service.collect.identifiers import IdentifierReader
from service.collect.pulls.configured import load_pulls
from service.collect.pulls.run import Puller
from service.collect.pulls.schedule import PullSchedule
from service.collect.visitors import Visitors
from service.journeys.build import Configuration
from service.journeys.follow import Follower
from service.journeys.mart import Mart
from service.kit.db import make_engine
from service.ledger.append import Batch, Receipt
from service.ledger.hooks import HookRing
from service.ledger.keys import KeyRing
from service.ledger.salts import salt_of
from service.ledger.writer import Writer
from service.reports.desk import ReportDesk
from service.settings import Settings
from service.web.routes import mount_web
from service.web.session import FolderStore, SignIn

Role = Literal["all", "collect", "query"]
DESCRIPTION = """End-to-end marketing attribution: facts in, journeys and every channel's return out.
Send `Authorization: Bearer KEY`; errors are problem+json (RFC 9457) with a stable `code`."""
TAGS = [
    {"name": "collect", "description": "Facts come in."},
    {"name": "reports", "description": "Questions are answered."},
    {"name": "administration", "description": "Sources, keys, the quarantine."},
    {"name": "operations", "description": "For whoever runs the service."},
]


class GzipAnswers(GZipMiddleware):
    """Compresses what is read; receipts are short and their senders many."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def configuration_of(settings: Settings) -> Configuration:
    """What of the settings the mart depends on."""
    return Configuration(
        own_hosts=settings.own_host_set,
        visit_gap=settings.visit_gap,
        shared_limit=settings.shared_identifier_limit,
        timezone=settings.timezone,
    )


def memory_mart(settings: Settings, engine: Engine) -> Mart:
    """An empty mart in memory, of the settings' configuration."""
    return Mart(
        None, engine, configuration_of(settings), settings.mart_memory, settings.mart_threads
    )


def identifier_reader(settings: Settings) -> IdentifierReader:
    """Reads identifiers with the deployment's secret, the same in every process."""
    return IdentifierReader(settings.derived_secret("identifiers"), settings.phone_region or None)


def sign_in(settings: Settings, clock: Callable[[], datetime]) -> SignIn:
    """One-time links, kept in the data folder: a command can make one for a running service."""
    store = FolderStore(settings.data_dir / "sign-in")
    return SignIn(settings.derived_secret("sessions"), clock, store)


def make_parts(settings: Settings, role: Role, clock: Callable[[], datetime]) -> Parts:
    """Everything the endpoints work with; nothing is started yet."""
    engine = make_engine(settings.ledger_url)
    configuration = configuration_of(settings)
    path = None if role == "collect" else settings.mart_file
    mart = Mart(path, engine, configuration, settings.mart_memory, settings.mart_threads)
    return Parts(
        settings=settings,
        clock=clock,
        engine=engine,
        keys=KeyRing(engine),
        hooks=HookRing(engine),
        writer=Writer(engine, settings.queue_facts, settings.commit_facts),
        mart=mart,
        follower=Follower(mart, settings.follow_interval.total_seconds()),
        desk=ReportDesk(
            mart, engine, settings.rate_max_age_days, lambda: memory_mart(settings, engine)
        ),
        reader=identifier_reader(settings),
        visitors=Visitors(lambda day: salt_of(engine, day)),
        signin=sign_in(settings, clock),
    )


def allows_private(settings: Settings) -> bool:
    """Whether requests of ours may reach addresses of the own network."""
    return bool(getattr(settings, "allow_private_addresses", False))


def make_puller(parts: Parts) -> Puller:
    """Pulls through the service's own writer."""

    def submit(batch: Batch) -> Receipt:
        receipt = parts.writer.submit(batch).result()
        parts.follower.hint()
        return receipt

    return Puller(
        parts.engine,
        parts.reader,
        submit,
        parts.clock,
        max_event_bytes=parts.settings.max_event_bytes,
        allow_private=allows_private(parts.settings),
    )


def create_app(
    settings: Settings | None = None,
    role: Role = "all",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The application. Needs a migrated ledger (`service.ledger.migrate`) once it serves.

    Args: settings default: from the environment; role: `collect` takes facts only, `query`
    answers only; clock: gives the present as an aware datetime.
    """
    settings = settings or Settings()
    pulls = load_pulls(settings.pulls_file) if role != "query" else ()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = make_parts(settings, role, clock)
        app.state.parts = parts
        parts.writer.start()
        if role != "collect":
            parts.follower.start()
        schedule = PullSchedule(pulls, make_puller(parts))
        schedule.start()
        try:
            yield
        finally:
            schedule.stop()
            parts.writer.stop()
            parts.follower.stop()
            parts.mart.close()
            parts.engine.dispose()

    app = FastAPI(
        title="Throughline",
        version=version("throughline"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_errors(app)
    app.include_router(operations.router)
    if role != "query":
        app.include_router(ingest.router)
        app.include_router(create_senders())
    if role != "collect":
        app.include_router(reads.router)
        app.include_router(admin.router)
        app.include_router(campaigns.router)
        mount_docs(app)
        mount_web(app)
    app.add_middleware(GzipAnswers, minimum_size=2048)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    return app
