"""Where the parts are put together: settings in, application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from service.api import (
    admin,
    campaigns,
    changes,
    comparing,
    configuration,
    erasures,
    explain,
    exports,
    hooks,
    ingest,
    lift,
    links,
    maturity,
    operations,
    quarantine,
)
from service.api.docs import mount_docs, openapi_of
from service.api.errors import install_errors
from service.api.parts import Parts
from service.api.refused import RefusedRequests
from service.api.senders import create_senders
from service.collect.bots import Judge, read_hosts
from service.collect.fetching import Fetcher, Reading
from service.collect.identifiers import IdentifierReader
from service.collect.pulls.configured import load_pulls
from service.collect.pulls.run import Puller
from service.collect.pulls.schedule import PullSchedule
from service.collect.replay import Mender
from service.collect.visitors import Visitors
from service.journeys.build import Configuration
from service.journeys.follow import Follower
from service.journeys.mart import Mart
from service.kit.db import make_engine
from service.kit.outbound import outbound_client
from service.ledger.append import Batch, Receipt
from service.ledger.hooks import HookRing
from service.ledger.keys import KeyRing
from service.ledger.links import LinkRing
from service.ledger.salts import salt_of
from service.ledger.writer import Writer
from service.outbound.push import Postman
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
    {"name": "conversions", "description": "Conversions go back to the ad platforms."},
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


def memory_mart(settings: Settings, engine: Engine, with_bots: bool = False) -> Mart:
    """An empty mart in memory, of the settings' configuration."""
    configuration = replace(configuration_of(settings), with_bots=with_bots)
    return Mart(None, engine, configuration, settings.mart_memory, settings.mart_threads)


def identifier_reader(settings: Settings) -> IdentifierReader:
    """Reads identifiers with the deployment's secret, the same in every process."""
    return IdentifierReader(
        settings.derived_secret("identifiers"),
        settings.phone_region or None,
        advertising_hashes=settings.advertising_hashes,
    )


def judge_of(settings: Settings) -> Judge:
    """How visits are judged. Raises OSError for a list that cannot be read."""
    more = read_hosts(settings.spam_referrers) if settings.spam_referrers else frozenset[str]()
    return Judge(more, settings.data_centres)


def make_mender(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Mender:
    """Whoever replays the quarantine, in the service and on the command line."""
    return Mender(
        engine=engine,
        reader=identifier_reader(settings),
        clock=clock,
        currency=settings.currency,
        max_bytes=settings.max_event_bytes,
        policy=settings.consent,
        judge=judge_of(settings),
    )


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
    writer = Writer(engine, settings.queue_facts, settings.commit_facts)
    reader = identifier_reader(settings)
    hook_ring = HookRing(engine)
    follower = Follower(mart, settings.follow_interval.total_seconds())

    def changed() -> None:
        hook_ring.forget()
        follower.hint()

    return Parts(
        settings=settings,
        clock=clock,
        engine=engine,
        keys=KeyRing(engine),
        hooks=hook_ring,
        links=LinkRing(engine),
        writer=writer,
        fetcher=Fetcher(
            engine,
            writer,
            Reading(reader, settings.currency, settings.max_event_bytes),
            clock,
            lambda: outbound_client(settings.allow_private_addresses),
            follower.hint,
        ),
        mart=mart,
        follower=follower,
        desk=ReportDesk(
            mart,
            engine,
            settings.rate_max_age_days,
            lambda: memory_mart(settings, engine),
            lambda: memory_mart(settings, engine, with_bots=True),
            settings.maturity_threshold,
        ),
        reader=reader,
        judge=judge_of(settings),
        mender=replace(make_mender(settings, engine, clock), changed=changed),
        refused=RefusedRequests(),
        visitors=Visitors(lambda day: salt_of(engine, day)),
        outbound=lambda: outbound_client(settings.allow_private_addresses),
        signin=sign_in(settings, clock),
    )


def postman_of(parts: Parts) -> Postman:
    """Tells the ad platforms what they are to be told, now and then."""
    return Postman(
        parts.engine,
        parts.desk,
        parts.settings.currency,
        parts.clock,
        parts.outbound,
        parts.settings.push_interval,
    )


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
        allow_private=parts.settings.allow_private_addresses,
    )


def _include(app: FastAPI, role: Role) -> None:
    """The addresses of the role."""
    addresses, senders = create_senders()
    if role != "query":
        app.router.routes.append(addresses)
    app.include_router(operations.router)
    if role != "query":
        app.include_router(ingest.router)
        app.include_router(senders)
        app.include_router(hooks.receivers)
        app.include_router(links.followed)
    if role != "collect":
        app.include_router(comparing.router)
        app.include_router(maturity.router)
        app.include_router(explain.router)
        app.include_router(admin.router)
        app.include_router(exports.router)
        app.include_router(hooks.router)
        app.include_router(erasures.router)
        app.include_router(quarantine.router)
        app.include_router(links.router)
        app.include_router(lift.router)
        app.include_router(campaigns.router)
        app.include_router(changes.router)
        app.include_router(configuration.router)
        mount_docs(app)
        mount_web(app)


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
        if role != "query":
            parts.fetcher.start()
        if role != "collect":
            parts.follower.start()
        postman = postman_of(parts)
        if role != "collect":
            postman.start()
        schedule = PullSchedule(pulls, make_puller(parts))
        schedule.start()
        try:
            yield
        finally:
            schedule.stop()
            postman.stop()
            parts.fetcher.stop()
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
    _include(app, role)
    app.add_middleware(GzipAnswers, minimum_size=2048)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    return app
