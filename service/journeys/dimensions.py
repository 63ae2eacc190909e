"""Channel rules meet the mart: each distinct set of marketing dimensions is classified once."""

import duckdb
import orjson
import pyarrow as pa

from service.collect.channels import RULES_VERSION, Classified, Dimensions, classify
from service.collect.landing import host_of

CLASSES = {"none": 0, "paid": 1, "owned": 2, "earned": 3}
COLUMNS = ("source", "medium", "campaign", "campaign_id", "content", "term")
EntryKey = tuple[str | None, str | None, str | None, str | None]

__all__ = ["RULES_VERSION", "classify_new"]


def classify_new(mart: duckdb.DuckDBPyConnection, own_hosts: frozenset[str]) -> None:
    """Fill in the channel columns of the dimensions that the last facts brought.

    `entry_key` says which campaign a visit came by: the lowest dimension_id with the same source,
    medium and campaign; null where the dimensions say nothing of an origin.
    """
    rows = mart.execute(
        "SELECT dimension_id, is_page, touch, page_authority, referrer_authority FROM dimensions "
        "WHERE channel IS NULL ORDER BY dimension_id"
    ).fetchall()
    if not rows:
        return
    keys: dict[EntryKey, int] = {
        (s, m, c, i): key
        for s, m, c, i, key in mart.execute(
            "SELECT source, medium, campaign, campaign_id, MIN(entry_key) FROM dimensions "
            "WHERE entry_key IS NOT NULL GROUP BY ALL"
        ).fetchall()
    }
    written = [_row(row, classify(_read(*row[1:]), own_hosts), keys) for row in rows]
    mart.register("classified", pa.Table.from_pylist(written, SCHEMA))
    mart.execute(
        "UPDATE dimensions SET touch_kind = c.touch_kind, channel = c.channel, "
        "channel_class = c.channel_class, is_direct = c.is_direct, is_entry = c.is_entry, "
        "is_internal = c.is_internal, entry_key = c.entry_key, source = c.source, "
        "medium = c.medium, campaign = c.campaign, campaign_id = c.campaign_id, "
        "content = c.content, term = c.term "
        "FROM classified AS c WHERE c.dimension_id = dimensions.dimension_id"
    )
    mart.unregister("classified")


SCHEMA = pa.schema(
    [
        ("dimension_id", pa.int32()),
        ("touch_kind", pa.string()),
        ("channel", pa.string()),
        ("channel_class", pa.int8()),
        ("is_direct", pa.bool_()),
        ("is_entry", pa.bool_()),
        ("is_internal", pa.bool_()),
        ("entry_key", pa.int32()),
        *((name, pa.string()) for name in COLUMNS),
    ]
)


def _read(is_page: bool, touch: str, page_authority: str, referrer_authority: str) -> Dimensions:
    said = orjson.loads(touch) if touch else {}
    return Dimensions(
        touch_kind="visit" if is_page else said.get("kind", "click"),
        explicit_channel=said.get("channel"),
        click_ids=tuple(said["clicks"].split(",")) if "clicks" in said else (),
        page_host=_host(page_authority),
        referrer_host=_host(referrer_authority),
        **{name: said.get(name) for name in COLUMNS},
    )


def _host(authority: str) -> str | None:
    """The host of what stands between the slashes of an address."""
    return host_of(f"https://{authority}/") if authority else None


def _row(
    row: tuple[int, bool, str, str, str], found: Classified, keys: dict[EntryKey, int]
) -> dict[str, object]:
    dimension_id, is_page, touch, _, referrer_authority = row
    entry = (found.source, found.medium, found.campaign, found.campaign_id)
    return {
        "dimension_id": dimension_id,
        "touch_kind": "visit" if is_page else (orjson.loads(touch).get("kind", "click")),
        "channel": found.channel,
        "channel_class": CLASSES[found.channel_class],
        "is_direct": found.is_direct,
        "is_entry": found.is_entry,
        # A page reached from another page of the site, or back from the till, starts no visit.
        "is_internal": bool(referrer_authority) and not found.is_entry,
        "entry_key": keys.setdefault(entry, dimension_id) if found.is_entry else None,
        **{name: getattr(found, name) for name in COLUMNS},
    }
