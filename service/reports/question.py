"""A report's question: everything that decides its answer, read from a query string."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from service.attribution.models import ModelSpec, parse_models
from service.kit.currencies import minor_digits
from service.kit.errors import Refusal
from service.kit.time import Period, format_duration, parse_duration

STAGES = ("lead", "mql", "sql", "opportunity", "won", "repeat")
DIMENSIONS = ("channel", "source", "medium", "campaign", "content", "term", "touch_kind")
TIMES = ("day", "week", "month")
GROUPS = (*DIMENSIONS, "landing_page", *TIMES)
SCOPES = ("person", "account")
BASES = ("conversion", "touch")
INCLUDES = ("bots", "")
DEFAULT_MODEL = "position_based"
DEFAULT_DAYS = 90
MAX_MODELS = 12
YEARS = range(1971, 9001)
"""A day of any other lies too far away: not every zone's start of it is a date."""
KNOWN = frozenset(
    ("from", "to", "tz", "currency", "conversion", "model", "lookback", "basis", "scope", "group_by",
     "include", "as_of", "min_watermark")
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One report question. `lookback` None: no limit. `filters`: allowed values per dimension.
    `with_bots`: robots and spam count like everybody."""

    period: Period
    currency: str = "EUR"
    conversion: str = "won"
    models: tuple[ModelSpec, ...] = field(default_factory=lambda: parse_models(DEFAULT_MODEL))
    lookback: timedelta | None = timedelta(days=90)
    basis: str = "conversion"
    scope: str = "person"
    group_by: tuple[str, ...] = ("channel",)
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    as_of: int | datetime | None = None
    with_bots: bool = False

    @classmethod
    def from_params(
        cls,
        params: Mapping[str, str],
        currency: str,
        zone: ZoneInfo,
        now: datetime,
        also: frozenset[str] = frozenset(),
    ) -> "Question":
        """Read a question; what is not given takes its documented default.

        Args: params: the query string; currency, zone: the deployment's; now: aware;
        also: names of further parameters that the endpoint reads itself.
        Raises: Refusal naming the parameter and what would be right.
        """
        filters = _filters(params)
        names = {n for n in params if not n.startswith("filter[")}
        if unknown := sorted(names - KNOWN - also):
            raise Refusal(
                "unknown_parameter",
                unknown[0],
                f"known parameters: {', '.join(sorted(KNOWN | also))}",
            )
        zone = _zone(params["tz"]) if "tz" in params else zone
        chosen = params.get("currency", currency).upper()
        minor_digits(chosen, "currency")
        models = parse_models(params.get("model") or DEFAULT_MODEL)
        if len(models) > MAX_MODELS:
            raise Refusal(
                "too_many_models", "model", f"ask for at most {MAX_MODELS} models at once"
            )
        return cls(
            period=_period(params, zone, now),
            currency=chosen,
            conversion=_one_of(params, "conversion", STAGES, "won"),
            models=models,
            lookback=parse_duration(params.get("lookback", "90d")),
            basis=_one_of(params, "basis", BASES, "conversion"),
            scope=_one_of(params, "scope", SCOPES, "person"),
            group_by=_groups(params.get("group_by", "channel")),
            filters=filters,
            as_of=as_of_from(params.get("as_of")),
            with_bots=cls.with_bots_in(params),
        )

    @staticmethod
    def with_bots_in(params: Mapping[str, str]) -> bool:
        """Whether robots are asked for. Raises Refusal."""
        return _one_of(params, "include", INCLUDES, "") == "bots"

    @staticmethod
    def as_of_in(params: Mapping[str, str]) -> int | datetime | None:
        """The moment that a query asks about. Raises Refusal."""
        return as_of_from(params.get("as_of"))

    def to_params(self) -> dict[str, str]:
        """The canonical query string of the question; reads back to an equal question."""
        params = {
            "from": self.period.start.isoformat(),
            "to": self.period.end.isoformat(),
            "tz": self.period.zone.key,
            "currency": self.currency,
            "conversion": self.conversion,
            "model": ",".join(str(m) for m in self.models),
            "lookback": format_duration(self.lookback),
            "basis": self.basis,
            "scope": self.scope,
            "group_by": ",".join(self.group_by),
        }
        params |= {
            f"filter[{name}]": ",".join(map(as_value, values)) for name, values in self.filters
        }
        if self.as_of is not None:
            params["as_of"] = (
                self.as_of.isoformat() if isinstance(self.as_of, datetime) else str(self.as_of)
            )
        if self.with_bots:
            params["include"] = "bots"
        return params

    def before(self) -> "Question":
        """The same question over the period of equal length that ends where this one starts."""
        zone = self.period.zone
        start, end = self.period.start.astimezone(zone), self.period.end.astimezone(zone)
        whole_days = start.time() == end.time()
        length = (
            (end.date() - start.date()) if whole_days else (self.period.end - self.period.start)
        )
        return replace(self, period=Period(start - length, start, zone))


def _one_of(params: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = params.get(name, default)
    if value not in allowed:
        raise Refusal(
            "unknown_value", name, f"{name} is one of {', '.join(allowed)}; got {value[:60]!r}"
        )
    return value


def _groups(text: str) -> tuple[str, ...]:
    names = tuple(n for n in text.split(",") if n)
    unknown = [n for n in names if n not in GROUPS]
    if unknown or not names or len(set(names)) != len(names):
        raise Refusal(
            "unknown_group",
            "group_by",
            f"group_by is a comma list of {', '.join(GROUPS)}, each once",
        )
    return names


def _filters(params: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = []
    for name, value in params.items():
        if name.startswith("filter[") and name.endswith("]"):
            dimension = name[len("filter[") : -1]
            if dimension not in (*DIMENSIONS, "landing_page"):
                raise Refusal(
                    "unknown_filter",
                    name,
                    f"filter by one of {', '.join(DIMENSIONS)}, landing_page",
                )
            found.append((dimension, tuple(sorted(values_of(value)))))
    return tuple(sorted(found))


def values_of(text: str) -> list[str]:
    r"""The values of a comma list; a comma that belongs to a value is written `\,`, and a backslash
    before a comma or another one `\\`."""
    return re.sub(r"\\([\\,])|,", lambda found: found[1] or "\0", text).split("\0")


def as_value(text: str) -> str:
    """The value as a comma list has it, which `values_of` reads back."""
    return text.replace("\\", "\\\\").replace(",", "\\,")


def _zone(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise Refusal(
            "unknown_time_zone", "tz", f"{name[:60]!r} is not an IANA name such as Europe/Berlin"
        )
    return ZoneInfo(name)


def _period(params: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Period:
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).date()
    end = _edge(params["to"], "to", zone) if "to" in params else _start_of(tomorrow, zone)
    if "from" in params:
        start = _edge(params["from"], "from", zone)
    else:
        start = _start_of(end.astimezone(zone).date() - timedelta(days=DEFAULT_DAYS), zone)
    return Period(start, end, zone)


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _edge(text: str, name: str, zone: ZoneInfo) -> datetime:
    """A day (its start in the zone), an instant with its offset, or epoch seconds or milliseconds."""
    try:
        if text.isascii() and text.isdigit() and len(text) in (10, 13):
            moment = datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
        elif len(text) == 10:
            moment = _start_of(date.fromisoformat(text), zone)
        else:
            # A plus sign in a query string arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise ValueError
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(
            "bad_date",
            name,
            f"{text[:40]!r} is neither a date (2026-03-01) nor an instant (…T10:00:00Z)",
        ) from None
    if moment.year not in YEARS:
        raise Refusal("bad_date", name, f"{text[:40]!r} lies too far away")
    return moment


def as_of_from(text: str | None, name: str = "as_of") -> int | datetime | None:
    """A watermark or an instant. Raises Refusal naming the parameter."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return _edge(text, name, ZoneInfo("UTC"))
