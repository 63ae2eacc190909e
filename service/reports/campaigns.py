"""One campaign, whatever it is called: spend lines and clicks meet by its id, then by its name, then
by a rule.

Platforms bill ids, links carry names, people write both in their own way. Names are compared without
regard to letter case and spacing. Decided when a question is asked, from the set of names that the
mart holds: the order in which facts came changes nothing, and a new rule holds for the past too.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Any
from unicodedata import normalize

import duckdb
import orjson
import pyarrow as pa
from pydantic import AfterValidator, Field, ValidationError, model_validator

from service.collect.refusals import refusal_of
from service.collect.schemas import Part

SETTING = "campaigns"
"""Name of the configuration that holds the rules."""

MOST_RULES = 500
MOST_STARS = 5
Label = str | None


def _few_stars(value: str) -> str:
    if value.count("*") > MOST_STARS:
        raise ValueError(f"a pattern has at most {MOST_STARS} stars")
    return value


Pattern = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$"), AfterValidator(_few_stars)]
Target = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")]


class Match(Part):
    """What a rule applies to: all that is given has to fit. `*` stands for any text, `?` for one
    sign, and an empty text for nothing said."""

    source: Pattern | None = None
    medium: Pattern | None = None
    campaign: Pattern | None = None
    campaign_id: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> "Match":
        if not self.model_fields_set:
            raise ValueError("a rule matches by source, medium, campaign or campaign_id")
        return self


class Meant(Part):
    """The campaign that is meant: its name, or its id."""

    campaign: Target | None = None
    campaign_id: Target | None = None

    @model_validator(mode="after")
    def _one(self) -> "Meant":
        if (self.campaign is None) == (self.campaign_id is None):
            raise ValueError("say either campaign or campaign_id")
        return self


class Rule(Part):
    match: Match
    to: Meant


class Rules(Part):
    """The rules in their order; the first that fits decides."""

    rules: Annotated[list[Rule], Field(max_length=MOST_RULES)]


def parse_rules(asked: Any) -> Rules:
    """Rules as they are posted or kept. Raises Refusal with the field, such as `rules.0.to`."""
    try:
        return Rules.model_validate(asked)
    except ValidationError as error:
        raise refusal_of(error) from None


@lru_cache(maxsize=100_000)
def key_of(name: str) -> str:
    """A name as names are compared: NFC, without letter case, with single spaces."""
    return normalize("NFC", " ".join(normalize("NFC", name).casefold().split()))


@dataclass(frozen=True, slots=True)
class _Compiled:
    patterns: tuple[tuple[int, Callable[[str], object]], ...]
    meant: Meant

    def fits(self, keys: Sequence[str]) -> bool:
        """Keys of source, medium, campaign and campaign id."""
        return all(match(keys[place]) for place, match in self.patterns)


class Namer:
    """Names campaigns. `known`: every pair of campaign id and name that any fact gives."""

    def __init__(self, rules: Rules, known: Iterable[tuple[Label, Label]]) -> None:
        self._name_of_id: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        pairs = {(number, name) for number, name in known if name is not None}
        for number, name in pairs:
            key = key_of(name)
            self._shown[key] = min(name, self._shown.get(key, name))
            if number is not None:
                self._name_of_id[number] = min(name, self._name_of_id.get(number, name))
        self._ids_of_key: dict[str, set[str]] = {}
        for number, name in pairs:
            if number is not None:
                meant = key_of(self._name_of_id[number])
                self._ids_of_key.setdefault(key_of(name), set()).add(meant)
        self._rules = [_compile(rule) for rule in rules.rules]
        for rule in reversed(rules.rules):
            if rule.to.campaign is not None:
                self._shown[key_of(rule.to.campaign)] = rule.to.campaign

    def label(self, source: Label, medium: Label, name: Label, number: Label) -> Label:
        """What the campaign of these dimensions is called in reports; None where there is none."""
        label = self._by_id_or_name(name, number)
        if self._rules:
            # A line that has the id alone is called as its id is.
            called = name if name is not None or label == number else label
            keys = tuple(key_of(text or "") for text in (source, medium, called, number))
            meant = next((rule.meant for rule in self._rules if rule.fits(keys)), None)
            if meant is not None:
                label = meant.campaign or self._by_id_or_name(None, meant.campaign_id)
        return None if label is None else self._shown.get(key_of(label), label)

    def _by_id_or_name(self, name: Label, number: Label) -> Label:
        if number is not None and number in self._name_of_id:
            return self._name_of_id[number]
        if name is not None:
            # A name that a campaign had once, or is written otherwise, stands for that campaign;
            # one that several campaigns have stands for itself.
            meant = self._ids_of_key.get(key_of(name), set())
            return self._shown[next(iter(meant))] if len(meant) == 1 else name
        return number


def _compile(rule: Rule) -> _Compiled:
    given = (rule.match.source, rule.match.medium, rule.match.campaign, rule.match.campaign_id)
    patterns = ((place, pattern_of(text)) for place, text in enumerate(given) if text is not None)
    return _Compiled(tuple(patterns), rule.to)


def pattern_of(text: str) -> Callable[[str], object]:
    """Whether a key (`key_of`) fits a pattern, as a truth value."""
    plain = key_of(text)
    if "*" not in plain and "?" not in plain:
        return plain.__eq__
    # fnmatch's sets of signs are not ours: a bracket is a bracket.
    return re.compile(translate(plain.replace("[", "[[]"))).match


def prepare_rules(mart: duckdb.DuckDBPyConnection, version: int, rules: Any) -> None:
    """Leave the rules with the connection, for the reports that it is asked."""
    text = orjson.dumps(rules or {"rules": []}).decode()
    mart.execute(
        "CREATE OR REPLACE TEMP TABLE campaign_rules AS "
        "SELECT CAST($version AS INTEGER) AS version, CAST($rules AS VARCHAR) AS rules",
        {"version": version, "rules": text},
    )


def prepared_rules(mart: duckdb.DuckDBPyConnection) -> tuple[int, Rules]:
    """The rules left with the connection and their version; (0, none) where nothing was left."""
    there = mart.execute(
        "SELECT COUNT(*) FROM duckdb_tables() WHERE table_name = 'campaign_rules' AND temporary"
    ).fetchall()[0][0]
    if not there:
        return 0, Rules(rules=[])
    version, text = mart.execute("SELECT version, rules FROM campaign_rules").fetchall()[0]
    return int(version), parse_rules(orjson.loads(text))


def campaign_labels(mart: duckdb.DuckDBPyConnection) -> list[Label]:
    """The label of the campaign of every row of `dimensions`, in the order of their ids, by the rules
    left with the connection. Each campaign is looked at once, however many rows speak of it."""
    said = mart.execute(
        "SELECT DISTINCT source, medium, campaign, campaign_id FROM dimensions"
    ).fetchall()
    namer = Namer(prepared_rules(mart)[1], ((row[3], row[2]) for row in said))
    columns = [*zip(*said, strict=True)] or [()] * 4
    table = dict(zip(("source", "medium", "campaign", "campaign_id"), columns, strict=True))
    table["label"] = tuple(namer.label(*row) for row in said)
    texts = {name: pa.array(values, pa.string()) for name, values in table.items()}
    mart.register("named_campaigns", pa.table(texts))
    labels = mart.execute(
        "SELECT n.label FROM dimensions AS d JOIN named_campaigns AS n "
        "ON n.source IS NOT DISTINCT FROM d.source AND n.medium IS NOT DISTINCT FROM d.medium "
        "AND n.campaign IS NOT DISTINCT FROM d.campaign "
        "AND n.campaign_id IS NOT DISTINCT FROM d.campaign_id ORDER BY d.dimension_id"
    ).fetchall()
    mart.unregister("named_campaigns")
    return [label for (label,) in labels]
