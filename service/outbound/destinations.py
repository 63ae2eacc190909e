"""Destinations: to which platform, which conversions, under which model. Configuration, with
versions, by the name `destination:NAME`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Engine, func, select
from sqlmodel import Session

from service.attribution.models import parse_models
from service.collect.refusals import refusal_of
from service.kit.currencies import parse_currency
from service.kit.db import reading
from service.kit.errors import Forbidden, NotFound, Refusal
from service.kit.time import parse_duration
from service.ledger.configuration import read_setting, write_setting
from service.ledger.keys import Caller, add_key
from service.ledger.tables import TABLES
from service.outbound.platform import platforms
from service.reports.question import DEFAULT_MODEL, STAGES

PREFIX: Final = "destination:"
HIDDEN: Final = "hidden"
EXPORT_SCOPE: Final = "export"
SOURCE_PREFIX: Final = "export "
CONFIGURATIONS = TABLES["configurations"]


def _platform(value: str) -> str:
    if value not in platforms():
        raise ValueError(f"{value!r} is not one of {', '.join(platforms())}")
    return value


def _stage(value: str) -> str:
    if value not in STAGES or value == "repeat":
        raise ValueError(f"{value!r} is not one of {', '.join(s for s in STAGES if s != 'repeat')}")
    return value


def _model(value: str) -> str:
    try:
        models = parse_models(value)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    if len(models) != 1:
        raise ValueError("a destination is told the credit of one model")
    return value


def _duration(value: str) -> str:
    try:
        parse_duration(value)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None
    return value


def _currency(value: str) -> str:
    try:
        return parse_currency(value) if value else value
    except Refusal as refusal:
        raise ValueError(refusal.detail) from None


class Destination(BaseModel):
    """What one platform is told.

    `conversion_name` is the platform's own name of the conversion: Google's and Microsoft's
    conversion action or goal, Meta's event, Metrica's target, the id of LinkedIn's rule. `account`:
    Meta's pixel or dataset, Google's `customers/1/conversionActions/2`. `access_token` is needed
    where rows are pushed. `confirm_hours`: after so long without an answer a row that was fetched
    counts as taken.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    platform: Annotated[str, AfterValidator(_platform)]
    conversion: Annotated[str, AfterValidator(_stage)] = "won"
    conversion_name: Annotated[str, Field(min_length=1, max_length=200)]
    model: Annotated[str, AfterValidator(_model)] = DEFAULT_MODEL
    lookback: Annotated[str, AfterValidator(_duration)] = "90d"
    currency: Annotated[str, AfterValidator(_currency)] = ""
    account: Annotated[str, Field(max_length=200)] = ""
    access_token: Annotated[str, Field(max_length=2_000, repr=False)] = ""
    test_event_code: Annotated[str, Field(max_length=100)] = ""
    api_base: Annotated[str, Field(max_length=500)] = ""
    confirm_hours: Annotated[int, Field(ge=0, le=24 * 30)] = 24

    @property
    def is_pushed(self) -> bool:
        return bool(self.access_token) and platforms()[self.platform].push is not None


def read_destination(given: Mapping[str, Any]) -> Destination:
    """The destination as asked for. Raises Refusal with the field."""
    try:
        return Destination.model_validate(dict(given))
    except ValidationError as error:
        raise refusal_of(error) from None


def save_destination(engine: Engine, destination: Destination, now: datetime, author: str) -> int:
    """Make it the newest version of its name; `access_token: "hidden"` keeps the one before."""
    if destination.access_token == HIDDEN:
        _, before = read_setting(engine, PREFIX + destination.name)
        token = (before or {}).get("access_token", "")
        destination = destination.model_copy(update={"access_token": token})
    value = destination.model_dump(exclude_defaults=True)
    return write_setting(engine, PREFIX + destination.name, value, now, author)


def make_pull_key(engine: Engine, name: str, now: datetime) -> str:
    """A key for an address that gives out the destination's files and nothing else; shown once, and
    ended like every other key."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return add_key(session, "ek", name, EXPORT_SCOPE, SOURCE_PREFIX + name, now)[0]


def pulled_by(caller: Caller) -> str:
    """Name of the destination whose files a key of `make_pull_key` opens. Raises Forbidden."""
    if not caller.may(EXPORT_SCOPE):
        raise Forbidden("scope_missing", "This key opens no file of conversions.")
    return caller.source.removeprefix(SOURCE_PREFIX)


def end_destination(engine: Engine, name: str, now: datetime, author: str) -> None:
    """Tell it nothing more; its outbox stays. Raises NotFound."""
    find_destination(engine, name)
    write_setting(engine, PREFIX + name, None, now, author)


def list_destinations(engine: Engine) -> list[Destination]:
    """Those that are told something, by name."""
    names = (
        select(CONFIGURATIONS.c.name, func.max(CONFIGURATIONS.c.version))
        .where(CONFIGURATIONS.c.name.startswith(PREFIX))
        .group_by(CONFIGURATIONS.c.name)
        .order_by(CONFIGURATIONS.c.name)
    )
    with reading(engine).connect() as connection:
        found = [row[0] for row in connection.execute(names)]
    values = [read_setting(engine, name)[1] for name in found]
    return [Destination.model_validate(value) for value in values if value is not None]


def find_destination(engine: Engine, name: str) -> Destination:
    """Raises NotFound."""
    _, value = read_setting(engine, PREFIX + name) if len(name) <= 60 else (0, None)
    if value is None:
        raise NotFound("no_such_destination", f"There is no destination {name[:60]!r}.")
    return Destination.model_validate(value)
