"""Lift tests: what an experiment measured of a channel, and how the `incremental` model takes it."""

import re
import secrets
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Engine

from service.collect.refusals import refusal_of
from service.collect.schemas import Text
from service.kit.currencies import minor_digits
from service.kit.errors import Conflict, NotFound, Refusal, ThroughlineError
from service.kit.time import iso, to_micros
from service.ledger.configuration import read_setting, read_settings
from service.ledger.versions import write_next
from service.reports.question import YEARS

PREFIX: Final = "lift_test:"
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
Stage = Literal["lead", "mql", "sql", "opportunity", "won", "repeat"]
Method = Literal["user_holdout", "geo_holdout", "switchback", "platform_lift", "other"]
Figure = Annotated[Decimal, Field(max_digits=18, decimal_places=6, allow_inf_nan=False)]


class LiftTest(BaseModel):
    """A measured increment.

    `from` and `to`: first day and the day after the last, in the zone of the question. One of
    `incremental_conversions` and `incremental_revenue` (with `currency`), and its standard error.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    channel: Annotated[Text, Field(min_length=1)]
    first_day: Annotated[date, Field(alias="from")]
    day_after: Annotated[date, Field(alias="to")]
    conversion: Stage = "won"
    incremental_conversions: Figure | None = None
    incremental_revenue: Figure | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    standard_error: Annotated[Figure, Field(gt=0)]
    method: Method = "other"
    note: Text | None = None


def read_lift_test(given: Any) -> tuple[str, LiftTest]:
    """The id, made here where none is given, and the test. Raises Refusal."""
    if not isinstance(given, dict):
        raise Refusal("wrong_type", "", "a lift test is a JSON object with `channel`")
    asked = dict(given)
    test_id = asked.pop("id", None)
    try:
        test = LiftTest.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None
    for name, day in (("from", test.first_day), ("to", test.day_after)):
        if day.year not in YEARS:
            raise Refusal("bad_date", name, f"{day} lies too far away")
    if test.day_after <= test.first_day:
        raise Refusal("empty_period", "to", "`to` must lie after `from`")
    if (test.incremental_conversions is None) == (test.incremental_revenue is None):
        raise Refusal(
            "bad_lift_test",
            "incremental_conversions",
            "give one of incremental_conversions and incremental_revenue",
        )
    if (test.currency is None) != (test.incremental_revenue is None):
        raise Refusal("bad_lift_test", "currency", "revenue, and only revenue, has a `currency`")
    if test.currency is not None:
        minor_digits(test.currency, "currency")
    if test_id is None:
        return secrets.token_hex(8), test
    if not isinstance(test_id, str) or not ID.fullmatch(test_id):
        raise Refusal("bad_code", "id", "an id has 1 to 64 letters, digits, - or _")
    return test_id, test


def add_lift_test(
    engine: Engine, test_id: str, test: LiftTest, now: datetime, author: str
) -> dict[str, Any]:
    """Keep a test; gives it as `list_lift_tests` does. Raises Conflict for an id that is taken."""
    taken = Conflict(
        "lift_test_exists", f"The id {test_id!r} is taken. Delete it to state it anew."
    )
    version, held = read_setting(engine, PREFIX + test_id)
    if held is not None:
        raise taken
    value = test.model_dump(mode="json", by_alias=True)
    version = _write(engine, test_id, value, now, author, version, taken)
    return _shown(test_id, version, value, now)


def end_lift_test(engine: Engine, test_id: str, now: datetime, author: str) -> None:
    """A test that no longer holds; answers as of an earlier moment still know it. Raises NotFound."""
    gone = NotFound("no_such_lift_test", f"There is no lift test {test_id[:64]!r}.")
    version, held = read_setting(engine, PREFIX + test_id)
    if held is None:
        raise gone
    _write(engine, test_id, None, now, author, version, gone)


def _write(
    engine: Engine,
    test_id: str,
    value: Any,
    now: datetime,
    author: str,
    after: int,
    late: ThroughlineError,
) -> int:
    """Make the next version of what was seen to hold or to be free. Raises `late` where another was
    quicker: whoever is second is told the same, however close behind."""
    try:
        return write_next(engine, PREFIX + test_id, value, now, author, after=after, also={})
    except Conflict:
        raise late from None


def list_lift_tests(engine: Engine, known_at: datetime | None = None) -> list[dict[str, Any]]:
    """Every test that holds, by id; `known_at`: those that held at that moment."""
    return [
        _shown(name, version, value, at)
        for name, version, value, at in read_settings(engine, PREFIX, known_at)
        if value is not None
    ]


def _shown(test_id: str, version: int, value: dict[str, Any], at: datetime) -> dict[str, Any]:
    figures = ("incremental_conversions", "incremental_revenue", "standard_error")
    numbers = {n: None if value[n] is None else float(value[n]) for n in figures}
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return {
        "id": test_id,
        **value,
        **numbers,
        "version": version,
        "created_at": iso(to_micros(aware)),
    }
