"""Tables of the mart as files, with names in place of the mart's numbers."""

from pathlib import Path

import duckdb

from service.kit.errors import Refusal

_INSTANT = "MAKE_TIMESTAMP({0}) AS {1}"
TABLES = {
    "touchpoints": f"SELECT people.public_id AS person_id, {_INSTANT.format('t.occurred_at', 'occurred_at')}, "
    "d.touch_kind, d.channel, d.source, d.medium, d.campaign, d.campaign_id, d.content, d.term, "
    "pages.host || pages.path AS landing_page, t.page_views, t.seq AS fact FROM touchpoints AS t "
    "JOIN people ON people.person_id = t.person_id JOIN dimensions AS d ON d.dimension_id = t.dimension_id "
    "LEFT JOIN pages ON pages.page_id = t.page_id ORDER BY t.occurred_at, people.public_id, t.tie",
    "conversions": f"SELECT c.conversion_id, c.kind, c.object_id, c.stage, c.state, {_INSTANT.format('c.occurred_at', 'occurred_at')}, "
    "people.public_id AS person_id, c.account_key AS account_id, a.part, a.amount_minor, a.currency "
    "FROM conversions AS c LEFT JOIN people ON people.person_id = c.person_id "
    "LEFT JOIN conversion_amounts AS a ON a.conversion_key = c.conversion_key "
    "ORDER BY c.occurred_at, c.conversion_id, a.occurred_at, a.part, a.amount_minor",
    "journeys": f"SELECT c.conversion_id, j.position, {_INSTANT.format('j.occurred_at', 'occurred_at')}, d.channel, d.source, "
    "d.medium, d.campaign, j.of_person, j.seq AS fact FROM journeys AS j "
    "JOIN conversions AS c ON c.conversion_key = j.conversion_key "
    "JOIN dimensions AS d ON d.dimension_id = j.dimension_id ORDER BY c.conversion_id, j.position",
    "spend": "SELECT s.day, sources.name AS sender, d.channel, s.source, s.medium, s.campaign_id, s.campaign, "
    "s.ad_group, s.ad, s.term, s.amount_minor, s.currency, s.impressions, s.clicks, s.account FROM spend AS s "
    "JOIN sources ON sources.source_id = s.source_id JOIN dimensions AS d ON d.dimension_id = s.dimension_id "
    "ORDER BY s.day, s.seq",
    "people": f"SELECT people.public_id AS person_id, {_INSTANT.format('people.first_at', 'first_at')}, people.known, "
    "a.account_key AS account_id FROM people LEFT JOIN person_accounts AS a ON a.person_id = people.person_id "
    "ORDER BY people.public_id",
}
_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet"}


def write_table(mart: duckdb.DuckDBPyConnection, table: str, form: str, output: Path) -> int:
    """Write a table to a file; returns its rows. Raises Refusal for unknown names.

    Amounts are minor units of their currency, instants UTC.
    """
    if table not in TABLES:
        raise Refusal("unknown_table", "table", f"tables are {', '.join(TABLES)}")
    if form not in _OPTIONS:
        raise Refusal("unknown_format", "format", f"formats are {', '.join(_OPTIONS)}")
    target = str(output).replace("'", "''")
    written = mart.execute(f"COPY ({TABLES[table]}) TO '{target}' ({_OPTIONS[form]})").fetchall()
    return int(written[0][0])
