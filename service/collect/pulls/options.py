"""What is configured of a pull. Secrets are shown nowhere: neither in logs nor in a `repr`."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from service.collect.vat import parse_rate
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal
from service.kit.outbound import check_url
from service.kit.time import zone_of


def _looked_up(value: Any) -> Any:
    """A secret itself, or where it stands: `{ env = "NAME" }`, `{ file = "/run/secrets/x" }`."""
    if not isinstance(value, dict):
        return value
    if value.keys() == {"env"} and isinstance(value["env"], str):
        found = os.environ.get(value["env"], "")
        if not found:
            raise ValueError(f"the environment has no {value['env']}")
        return found
    if value.keys() == {"file"} and isinstance(value["file"], str):
        try:
            return Path(value["file"]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the file cannot be read: {type(error).__name__}") from None
    raise ValueError("a secret is a text, { env = … } or { file = … }")


def _refused(check: Any) -> Any:
    """A check of ours as pydantic has them."""

    def run(value: Any) -> Any:
        try:
            return check(value)
        except Refusal as refusal:
            raise ValueError(refusal.detail) from None

    return run


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a name has printable characters only")
    return value


def _minutes(value: Any) -> Any:
    """`6h`, `30m`, `1d` or anything pydantic knows as a duration."""
    units = {"d": 86_400, "h": 3_600, "m": 60}
    if isinstance(value, str) and value[:-1].isdecimal() and value[-1:] in units:
        return timedelta(seconds=int(value[:-1]) * units[value[-1]])
    return value


Secret = Annotated[SecretStr, BeforeValidator(_looked_up)]
Url = Annotated[str, AfterValidator(_refused(check_url)), AfterValidator(lambda u: u.rstrip("/"))]
Digits = Annotated[
    str,
    BeforeValidator(lambda value: str(value).replace("-", "").strip()),
    Field(pattern=r"^[0-9]{1,20}$"),
]
Word = Annotated[str, Field(max_length=200)]


class PullOptions(BaseModel):
    """What every pull has.

    `source`: the sender its facts belong to, one a pull. `every`: from the end of one run to the
    next. `days`: how many past days each run asks for again, for platforms correct them. `since`:
    the first day of all. `timezone`: of the account, to know its today. `currency`: what the
    account is billed in; another answer is not taken. `utm_source`, `utm_medium`: what the links
    of the ads say, where it is not what the preset takes for granted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
    platform: str
    every: Annotated[timedelta, BeforeValidator(_minutes), Field(ge=timedelta(minutes=5))] = (
        timedelta(hours=6)
    )
    days: Annotated[int, Field(ge=1, le=366)] = 28
    since: date | None = None
    timezone: Annotated[str, AfterValidator(_refused(lambda name: zone_of(name) and name))] = "UTC"
    currency: Annotated[str, AfterValidator(_refused(lambda c: c and parse_currency(c)))] = ""
    utm_source: Word = ""
    utm_medium: Word = ""
    vat: Literal["", "included", "excluded"] = ""
    vat_rate: Annotated[
        str,
        BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
        AfterValidator(_refused(lambda rate: rate and parse_rate(rate))),
    ] = ""

    def secrets(self) -> tuple[str, ...]:
        """The secrets themselves, so that they can be kept out of what is shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))

    def defaults(self, account: str) -> dict[str, str]:
        """What every line says where the platform's answer does not."""
        said = {
            "source": self.utm_source,
            "medium": self.utm_medium,
            "currency": self.currency,
            "account": account,
            "account_timezone": self.timezone,
            "vat": self.vat,
            "vat_rate": self.vat_rate,
        }
        return {name: value for name, value in said.items() if value}
