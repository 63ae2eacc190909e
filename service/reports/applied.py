"""A configuration applied to the mart that a question reads.

Every reader has a connection of its own, and a table of the connection hides the mart's of the same
name: whatever report asks for `dimensions` and `journeys` sees them as the edition has them.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from service.collect.channels.rules import DIRECT, channels, known_channel
from service.collect.landing import host_of
from service.journeys.dimensions import CLASSES
from service.kit.duck import fetch_columns
from service.reports.campaigns import key_of, pattern_of
from service.reports.configuration import (
    BUILT_IN,
    ChannelRule,
    Configuration,
    Edition,
    Touched,
    parse_configuration,
)

HOSTS = {"referrer_host": "referrer_authority", "landing_host": "page_authority"}
Ints = NDArray[np.int64]
Row = Sequence[Any]
Fits = Callable[[dict[str, str]], bool]


class Rules:
    """The rules of a configuration, ready to be asked; each distinct touchpoint is looked at once."""

    def __init__(self, configuration: Configuration) -> None:
        self._channels = [
            (_fits(rule.match), *_channel(rule)) for rule in configuration.channel_rules
        ]
        self._exclusions = [_fits(each.match) for each in configuration.exclusions]
        matches = [rule.match for rule in configuration.channel_rules]
        matches += [each.match for each in configuration.exclusions]
        looked_at = {name for match in matches for name in match.given} | {"channel"}
        self.names = tuple(name for name in Touched.model_fields if name in looked_at)
        """What any rule looks at; always the channel."""

    @property
    def excludes(self) -> bool:
        return bool(self._exclusions)

    def decide(self, values: Sequence[str | None], given: int) -> tuple[str, int, bool]:
        """Channel, class and whether it is excluded. Args: values in the order of `names`; given:
        the class by the built-in rules."""
        said = dict(zip(self.names, values, strict=True))
        channel = said["channel"] or ""
        keys = {name: key_of(text or "") for name, text in said.items()}
        for fits, meant, of_channel in self._channels:
            if fits(keys):
                channel, given = meant, given if of_channel is None else of_channel
                break
        keys["channel"] = key_of(channel)
        return channel, given, any(fits(keys) for fits in self._exclusions)


def _fits(match: Touched) -> Fits:
    patterns = [(name, pattern_of(text)) for name, text in match.given.items()]
    return lambda keys: all(fits(keys[name]) for name, fits in patterns)


def _channel(rule: ChannelRule) -> tuple[str, int | None]:
    known = known_channel(rule.channel.strip())
    name = known.id if known else rule.channel.strip()
    kind = rule.channel_class or (channels()[name].channel_class if known else None)
    return name, None if kind is None else CLASSES[kind]


@lru_cache(maxsize=8)
def _rules_of(text: str) -> Rules:
    return Rules(parse_configuration(orjson.loads(text)))


def apply_edition(mart: duckdb.DuckDBPyConnection, edition: Edition) -> None:
    """Let the connection see the mart under this edition, until it is closed.

    `dimensions` have the channel of the own rules, and so the class and whether it is direct;
    `journeys` hold no excluded touchpoint; `state` names the content, so that whatever is remembered
    by it is not mistaken for what another edition gave. Visits stay as they were told apart, and
    touchpoints and spend as they are.
    """
    rules = _rules_of(orjson.dumps(edition.configuration.model_dump()).decode())
    mart.execute(
        "CREATE OR REPLACE TEMP TABLE edition AS SELECT CAST($version AS INTEGER) AS version, "
        "CAST($draft AS BOOLEAN) AS draft",
        {"version": edition.version, "draft": edition.draft},
    )
    if not edition.digest:
        return
    whole = f'"{mart.execute("SELECT current_database()").fetchall()[0][0]}".main'
    mart.execute(
        f"CREATE OR REPLACE TEMP TABLE state AS SELECT watermark, "
        f"configuration || '-' || ? AS configuration, fresh_to FROM {whole}.state",
        [edition.digest],
    )
    if edition.configuration.channel_rules or rules.excludes:
        _name_channels(mart, whole, rules)
    if rules.excludes:
        mart.execute(
            f"CREATE OR REPLACE TEMP VIEW journeys AS SELECT * FROM {whole}.journeys "
            "WHERE dimension_id NOT IN (SELECT dimension_id FROM excluded_dimensions)"
        )
        mart.execute(
            f"CREATE OR REPLACE TEMP VIEW excluded_journeys AS SELECT * FROM {whole}.journeys "
            "WHERE dimension_id IN (SELECT dimension_id FROM excluded_dimensions)"
        )


def _name_channels(mart: duckdb.DuckDBPyConnection, whole: str, rules: Rules) -> None:
    columns = ", ".join(HOSTS.get(name, name) for name in (*rules.names, "channel_class"))
    looked_at = mart.execute(f"SELECT DISTINCT {columns} FROM {whole}.dimensions").fetchall()
    decided = [rules.decide(_with_hosts(rules.names, row), row[-1]) for row in looked_at]
    texts = _columns(looked_at, len(rules.names) + 1)
    table = {f"k{place}": pa.array(column, pa.string()) for place, column in enumerate(texts[:-1])}
    channel, kind, excluded = _columns(decided, 3)
    table |= {
        "class": pa.array(texts[-1], pa.int8()),
        "channel": pa.array(channel, pa.string()),
        "channel_class": pa.array(kind, pa.int8()),
        "excluded": pa.array(excluded, pa.bool_()),
    }
    mart.register("decided_dimensions", pa.table(table))
    same = " AND ".join(
        f"d.{HOSTS.get(name, name)} IS NOT DISTINCT FROM r.k{place}"
        for place, name in enumerate(rules.names)
    )
    joined = (
        f"FROM {whole}.dimensions AS d JOIN decided_dimensions AS r "
        f"ON {same} AND d.channel_class = r.class"
    )
    mart.execute(
        "CREATE OR REPLACE TEMP TABLE dimensions AS SELECT d.* REPLACE (r.channel AS channel, "
        "r.channel_class AS channel_class, CASE WHEN r.channel = d.channel THEN d.is_direct "
        f"ELSE r.channel = '{DIRECT}' END AS is_direct) {joined}"
    )
    if rules.excludes:
        mart.execute(
            "CREATE OR REPLACE TEMP TABLE excluded_dimensions AS "
            f"SELECT d.dimension_id {joined} WHERE r.excluded ORDER BY d.dimension_id"
        )
    mart.unregister("decided_dimensions")


def _columns(rows: Sequence[Row], width: int) -> list[tuple[Any, ...]]:
    return [*zip(*rows, strict=True)] or [()] * width


def _with_hosts(names: Iterable[str], row: Row) -> list[str | None]:
    # An authority may hold a port, and no scheme stands before it.
    return [
        (host_of(f"https://{text}/") if text else None) if name in HOSTS else text
        for name, text in zip(names, row, strict=False)
    ]


def applied_edition(mart: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """How answers name the edition that the connection sees."""
    if not _has(mart, "edition"):
        return BUILT_IN.name
    version, draft = mart.execute("SELECT version, draft FROM edition").fetchall()[0]
    return {"version": version, "draft": draft}


def excluded_dimensions(mart: duckdb.DuckDBPyConnection) -> list[int]:
    """The dimension_ids whose touchpoints are in no journey. For whoever makes journeys of
    `touchpoints`; `journeys` holds none of them."""
    if not _has(mart, "excluded_dimensions"):
        return []
    rows = mart.execute("SELECT dimension_id FROM excluded_dimensions").fetchall()
    return [dimension_id for (dimension_id,) in rows]


def count_excluded(mart: duckdb.DuckDBPyConnection, start: int, end: int) -> int:
    """Touchpoints from one moment to before another that are in no journey."""
    if not _has(mart, "excluded_dimensions"):
        return 0
    found = mart.execute(
        "SELECT COUNT(*) FROM touchpoints WHERE occurred_at >= $start AND occurred_at < $end "
        "AND LIST_CONTAINS($excluded, dimension_id)",
        {"start": start, "end": end, "excluded": excluded_dimensions(mart)},
    ).fetchall()[0][0]
    return int(found)


_LACKING = """
SELECT DISTINCT conversion_key FROM excluded_journeys
WHERE LIST_CONTAINS($stages, stage) AND converted_at >= $start AND converted_at < $last
    AND occurred_at >= converted_at - $lookback
    AND (of_person OR $scope = 'account')
    AND ($keys IS NULL OR conversion_key IN (SELECT UNNEST($keys)))
"""


def lost_touches(
    mart: duckdb.DuckDBPyConnection, keys: Ints, parameters: dict[str, Any]
) -> NDArray[np.bool_]:
    """bool[n]: which of the conversions have an excluded touchpoint that would otherwise be in their
    journey. Args: keys int64[n]; parameters: those by which touchpoints are loaded."""
    if not _has(mart, "excluded_dimensions"):
        return np.zeros(len(keys), bool)
    return np.isin(keys, fetch_columns(mart, _LACKING, parameters)["conversion_key"])


def _has(mart: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = mart.execute(
        "SELECT COUNT(*) FROM duckdb_tables() WHERE table_name = ? AND temporary", [table]
    ).fetchall()[0][0]
    return bool(found)
