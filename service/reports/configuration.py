"""The configuration of reports: what touchpoints are called, which count, and the usual question.

Applied when a question is asked, to the few distinct dimensions of the mart and not to its
touchpoints (`applied.py`): a new version holds for the past too and nothing is made again, and
another version is just the same question asked once more. What acts earlier stays as it was: visits
are told apart, and CRM statuses read, when facts come in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, ValidationError, model_validator

from service.attribution.models import DEFAULT_MODEL, parse_model
from service.collect.refusals import refusal_of
from service.collect.schemas import Part
from service.kit.errors import Refusal
from service.kit.time import format_duration, parse_duration
from service.reports.campaigns import Pattern, Target

SETTING = "configuration"
DRAFT = "configuration:draft"
USUAL_LOOKBACK = "90d"
MOST_RULES = 500
MOST_PRESETS = 100
PRESET = "@"
"""`model=@name` asks for the preset of that name."""


class Touched(Part):
    """What a rule applies to: all that is given has to fit. `*` stands for any text, `?` for one
    sign, an empty text for nothing said; letter case does not matter.

    `source`, `medium` and `channel` are as reports show them. The hosts are those of the page a
    person came from and of the page reached.
    """

    source: Pattern | None = None
    medium: Pattern | None = None
    campaign: Pattern | None = None
    campaign_id: Pattern | None = None
    content: Pattern | None = None
    term: Pattern | None = None
    touch_kind: Pattern | None = None
    channel: Pattern | None = None
    referrer_host: Pattern | None = None
    landing_host: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> "Touched":
        if not self.given:
            raise ValueError(f"match by at least one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def given(self) -> dict[str, str]:
        """The patterns by the column they look at."""
        return {name: text for name, text in self if text is not None}


class ChannelRule(Part):
    """The channel of what fits. `channel_class` (who made the contact happen) is by default that of
    a channel of the built-in rules, and for any other the one that the touchpoint had."""

    match: Touched
    channel: Target
    channel_class: Literal["paid", "owned", "earned", "none"] | None = None


class Exclusion(Part):
    """Touchpoints that are in no journey and earn nothing; `note` says why."""

    match: Touched
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


PresetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Short = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class Configuration(Part):
    """One version's content. Own channel rules stand before the built-in ones, in their order; the
    first that fits decides."""

    channel_rules: Annotated[list[ChannelRule], Field(max_length=MOST_RULES)] = []
    exclusions: Annotated[list[Exclusion], Field(max_length=MOST_RULES)] = []
    lookback: Short = USUAL_LOOKBACK
    default_model: Short = DEFAULT_MODEL
    model_presets: Annotated[dict[PresetName, Short], Field(max_length=MOST_PRESETS)] = {}


def parse_configuration(asked: Any, within: str = "") -> Configuration:
    """A configuration as it is posted or kept. Raises Refusal with the field, such as
    `channel_rules.0.match.source` or `model_presets.house`, behind `within`."""
    try:
        found = Configuration.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None
    found.lookback = format_duration(parse_duration(found.lookback, f"{within}lookback"))
    for name, text in found.model_presets.items():
        _at(f"{within}model_presets.{name}", text)
    if found.default_model.startswith(PRESET):
        _preset(found.model_presets, found.default_model, f"{within}default_model")
    else:
        _at(f"{within}default_model", found.default_model)
    return found


def _at(field: str, text: str) -> None:
    try:
        parse_model(text)
    except Refusal as refusal:
        raise Refusal(refusal.code, field, refusal.detail) from None


def _preset(presets: Mapping[str, str], text: str, field: str = "model") -> str:
    name = text.removeprefix(PRESET)
    if name not in presets:
        known = ", ".join(PRESET + preset for preset in presets) or "none"
        raise Refusal("unknown_model", field, f"{text[:60]!r} is no preset; presets: {known}")
    return presets[name]


@dataclass(frozen=True)
class Edition:
    """A configuration with the number it was published under; 0: the built-in one. `draft`: it is
    not published, and `version` is the one it was made from."""

    version: int
    configuration: Configuration
    draft: bool = False

    @cached_property
    def digest(self) -> str:
        """The same for the same content, whatever its number; empty for the built-in one."""
        if self.configuration == Configuration():
            return ""
        text = orjson.dumps(self.configuration.model_dump(), option=orjson.OPT_SORT_KEYS)
        return blake2b(text, digest_size=8).hexdigest()

    @property
    def name(self) -> dict[str, Any]:
        """How an answer names it."""
        return {"version": self.version, "draft": self.draft}

    def settle(self, params: Mapping[str, str]) -> dict[str, str]:
        """A report's query with the usual model and lookback where none is given, and with the
        model's own text for each preset. Raises Refusal for a preset that does not exist."""
        usual = {
            "model": self.configuration.default_model,
            "lookback": self.configuration.lookback,
        }
        settled = {**params, **{n: text for n, text in usual.items() if not params.get(n)}}
        presets = self.configuration.model_presets
        settled["model"] = ",".join(
            _preset(presets, text.strip()) if text.strip().startswith(PRESET) else text
            for text in settled["model"].split(",")
        )
        return settled


BUILT_IN = Edition(0, Configuration())


def edition_of(kept: tuple[int, Any]) -> Edition:
    """Of the version and value that the ledger keeps."""
    version, value = kept
    return Edition(version, parse_configuration(value["configuration"])) if value else BUILT_IN
