"""What rows of each kind of table become, by their headings or by a mapping."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.collect.mapping import parse_mapping
from service.collect.rows import Reading
from service.collect.spend import collect_spend
from service.collect.table_items import read_items
from service.kit.errors import BadRequest, TooLarge
from tests.collect.shelf import SENDER, Shelf, run

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAIVE = datetime(2026, 3, 1, 9, tzinfo=UTC).replace(tzinfo=None)


def test_leads_bring_their_touch_along(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write(
        "id,stage,created_at,utm_source,utm_medium,Manager\n"
        "L1,MQL,2026-03-01T10:00:00Z,google,cpc,Ann\n"
        "L2,lead,2026-03-01T10:00:00Z,,,Bob\n"
        "L3,junk,2026-03-01T10:00:00Z,,,Bob\n"
    )
    receipt = run(path, "leads", shelf)
    assert receipt["unused_columns"] == ["Manager"]
    assert receipt["rejected"] == {"unmapped_value": 1}
    # Two facts of one row share its name; only the words before it differ.
    assert [name.partition(":")[0] + name[-2:] for name in shelf.facts] == [
        "touch:1",
        "lead:1",
        "lead:1",
    ]
    assert [(kind, payload) for kind, _, payload in shelf.payloads()] == [
        (
            "touch",
            {
                "identifiers": ["crm_contact_id:lead:L1"],
                "touch": {"kind": "click", "source": "google", "medium": "cpc"},
            },
        ),
        (
            "lead",
            {
                "identifiers": ["crm_contact_id:lead:L1"],
                "lead": {"id": "L1", "stage": "mql"},
            },
        ),
        (
            "lead",
            {"identifiers": ["crm_contact_id:lead:L2"], "lead": {"id": "L2", "stage": "lead"}},
        ),
    ]


def test_a_channel_alone_is_an_offline_touch(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write("lead_id,created,channel,client_id\nL1,2026-03-01,fair,a-1\n")
    run(path, "leads", shelf, timezone="UTC")
    (_, _, touch), (_, _, lead) = shelf.payloads()
    assert touch["touch"] == {"kind": "offline", "channel": "fair"}
    assert lead == {"identifiers": ["anonymous_id:a-1"], "lead": {"id": "L1", "stage": "lead"}}


def test_deals_are_opened_and_closed(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write(
        "deal_id;stage;amount;currency;created_at;closed_at;lost_reason;lead_id\n"
        "D1;Closed Won;1 200,00;EUR;2026-02-01;2026-02-20;;L1\n"
        "D2;closedlost;50,5;EUR;2026-02-01;2026-02-21;price;\n"
        "D3;Negotiation;;;2026-02-02;2026-04-01;;\n"
        "D4;won;99;EUR;2026-02-03;2026-02-23;;\n"
    )
    receipt = run(path, "deals", shelf, timezone="UTC", reading=Reading(decimal=","))
    # A space among the digits is no amount, in both events of that row.
    assert receipt["rejected"] == {"bad_amount": 2}
    deals = [(at[:10], payload["deal"]) for _, at, payload in shelf.payloads()]
    euros = {"currency": "EUR"}
    assert deals == [
        ("2026-02-01", {"id": "D2", "stage": "opportunity", "amount_minor": 5050, **euros}),
        (
            "2026-02-21",
            {"id": "D2", "stage": "lost", "amount_minor": 5050, "reason": "price", **euros},
        ),
        ("2026-02-02", {"id": "D3", "stage": "opportunity"}),
        ("2026-02-03", {"id": "D4", "stage": "opportunity", "amount_minor": 9900, **euros}),
        ("2026-02-23", {"id": "D4", "stage": "won", "amount_minor": 9900, **euros}),
    ]


def test_a_decimal_comma_is_never_guessed(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write("id;won_at;amount;currency\nD1;2026-02-01;1200,50;EUR\nD2;2026-02-01;1.5;EUR\n")
    receipt = run(path, "deals", shelf, timezone="UTC")
    assert receipt["rejected"] == {"bad_amount": 1}
    assert "--decimal" in receipt["first_rejected"][0]["detail"]
    receipt = run(path, "deals", shelf, timezone="UTC", reading=Reading(decimal=","))
    assert (receipt["accepted"], receipt["rejected"]) == (1, {"bad_amount": 1})


def test_spend_of_an_ad_account(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write(
        "Date,UTMSource,UTMMedium,UTMCampaign,Expenses,Clicks\n"
        "2026-03-01,yandex,cpc,spring,120.50,10\n"
        "2026-03-01,yandex,cpc,summer,99,-1\n"
        "2026-03-01,yandex,cpc,spring,121.00,10\n"
        "2026-03-01,yandex,cpc,spring,120.50,10\n"
    )
    receipt = run(path, "spend", shelf, fields=("currency==RUB",), batch_facts=1)
    assert (receipt["accepted"], receipt["duplicates"]) == (1, 1)
    assert receipt["rejected"] == {"duplicate_line": 1, "out_of_range": 1}
    assert shelf.payloads()[0][2]["spend"]["amount_minor"] == 12_050
    unknown = run(path, "spend", shelf, fields=("currency==RUR",))
    assert unknown["rejected"] == {"out_of_range": 1, "unknown_currency": 3}


def test_a_body_that_is_a_table_gives_items_in_the_order_of_its_rows() -> None:
    body = b"date;source;cost;currency\n2026-03-01;x;1.50;EUR\nbroken\n2026-03-01;y;1,5;EUR\n"
    items = read_items(body, "spend", 3)
    assert items[0] == {"date": "2026-03-01", "source": "x", "amount": "1.50", "currency": "EUR"}
    batch = collect_spend(items, SENDER, 32_768)
    assert [fact.index for fact in batch.facts] == [0]
    assert [(r.index, r.code, r.detail[:8]) for r in batch.refused] == [
        (1, "wrong_field_count", "line 3: "),
        (2, "bad_amount", "line 4: "),
    ]
    assert batch.refused[0].raw == "broken"
    comma = read_items(body, "spend", 3, Reading(decimal=","))
    assert comma[2]["amount"] == "1.5"
    with pytest.raises(TooLarge):
        read_items(body, "spend", 2)


def test_rates(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write("date;base;quote;rate\n2026-03-01;USD;EUR;0,92\n")
    assert run(path, "rates", shelf, reading=Reading(decimal=","))["accepted"] == 1
    assert shelf.payloads()[0][2]["rate"]["rate"] == "0.92"


def test_native_events_as_lines_are_taken_as_they_are(
    write: Callable[..., Path], shelf: Shelf
) -> None:
    order = {
        "id": "o1",
        "type": "order",
        "occurred_at": "2026-03-01T10:00:00Z",
        "order": {"id": "O1", "status": "completed", "amount": "5", "currency": "EUR"},
    }
    item = {"sku": "A", "quantity": -1, "amount": "5"}
    bad_items = {**order, "id": "o2", "order": {**order["order"], "items": [item]}}  # type: ignore[dict-item]
    bad_money = {**order, "id": "o3", "order": {**order["order"], "currency": "EUX"}}  # type: ignore[dict-item]
    nameless = {key: value for key, value in order.items() if key != "id"}
    lines = [order, bad_items, bad_money, nameless, nameless]
    path = write("\n".join(map(json.dumps, lines)) + "\n{\n", "events.ndjson")
    receipt = run(path, "events", shelf)
    assert receipt["rejected"] == {"malformed_json": 1, "out_of_range": 1, "unknown_currency": 1}
    assert receipt["first_rejected"][0]["field"] == "order.items.0.quantity"
    assert [name.rpartition(":")[2] for name in shelf.facts] == ["o1", "1", "2"]
    assert run(path, "events", shelf)["duplicates"] == 3


def test_json_leads_are_mapped_row_by_row(write: Callable[..., Path], shelf: Shelf) -> None:
    lines = [
        {"id": 7, "created_at": "2026-03-01T10:00:00Z", "contact_id": "c1"},
        {"id": 8, "created_at": "2026-03-01T10:00:00Z", "channel": "fair", "user_id": 5},
        {"created_at": "2026-03-01T10:00:00Z"},
    ]
    receipt = run(write("\n".join(map(json.dumps, lines)), "leads.jsonl"), "leads", shelf)
    assert (receipt["accepted"], receipt["rejected"]) == (3, {"unknown_columns": 1})


def test_parquet_brings_typed_values(tmp_path: Path, shelf: Shelf) -> None:
    path = tmp_path / "orders.parquet"
    rows = [
        {"when": NAIVE, "n": 7, "sum": Decimal("12.50"), "who": {"id": 41.0}},
        {"when": NAIVE, "n": 8, "sum": Decimal("0.001"), "who": {"id": 42.0}},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    mapping = """
        timezone = "Europe/Berlin"
        [[event]]
        id = "{n}"
        occurred_at = "when"
        identifiers.user_id = "who"
        order = { id = "n", status = "=completed", amount = "sum", currency = "=EUR" }
    """.replace('"who"', '"who.id"')
    with pytest.raises(BadRequest, match=r"no column 'who\.id'"):
        run(path, "events", shelf, plan=parse_mapping(mapping, "events"))
    flat = [{**row, "who": row["who"]["id"]} for row in rows]  # type: ignore[index]
    pq.write_table(pa.Table.from_pylist(flat), path)
    plan = parse_mapping(mapping.replace("who.id", "who"), "events")
    receipt = run(path, "events", shelf, plan=plan)
    assert receipt["rejected"] == {"too_many_decimals": 1}
    [(_, at, payload)] = shelf.payloads()
    assert at == "2026-03-01T08:00:00+00:00"
    assert payload["order"]["amount_minor"] == 1250
    assert payload["identifiers"] == ["user_id:41"]


def test_a_day_of_parquet_and_a_format_of_text(tmp_path: Path, shelf: Shelf) -> None:
    path = tmp_path / "spend.parquet"
    line = {"date": date(2026, 3, 1), "source": "x", "amount": 1.25, "currency": "EUR"}
    pq.write_table(pa.Table.from_pylist([line]), path)
    assert run(path, "spend", shelf)["accepted"] == 1
    table = tmp_path / "spend.csv"
    table.write_text("Tag;source;amount;currency\n02.03.2026;x;1;EUR\n")
    mapping = """
        [[line]]
        date = { column = "Tag", format = "%d.%m.%Y" }
        source = "source"
        amount = "amount"
        currency = "currency"
    """
    assert run(table, "spend", shelf, plan=parse_mapping(mapping, "spend"))["accepted"] == 1
    assert [payload["spend"]["date"] for _, _, payload in shelf.payloads()] == [
        "2026-03-01",
        "2026-03-02",
    ]


@pytest.mark.parametrize(
    ("example", "kind", "file", "counts", "first"),
    [
        pytest.param(
            "touchpoints.toml",
            "events",
            "touchpoints.csv.gz",
            {"touch": 62_483, "order": 1_838},
            {
                "identifiers": ["user_id:A000100"],
                "touch": {"kind": "impression", "channel": "Online Display"},
            },
            id="touchpoints",
        ),
        pytest.param(
            "olist-leads.toml",
            "leads",
            "olist/leads.csv",
            {"touch": 8_000, "lead": 8_000},
            {
                "identifiers": ["crm_contact_id:dac32acd4db4c29c230538b72f8dd87d"],
                "touch": {
                    "kind": "click",
                    "channel": "social",
                    "content": "88740e65d5d6b056e0cda098e1ea6313",
                },
            },
            id="leads",
        ),
        pytest.param(
            "olist-deals.toml",
            "deals",
            "olist/deals.csv",
            {"deal": 842},
            {
                "identifiers": ["crm_contact_id:5420aad7fec3549a85876ba1c529bd84"],
                "deal": {
                    "id": "5420aad7fec3549a85876ba1c529bd84",
                    "lead_id": "5420aad7fec3549a85876ba1c529bd84",
                    "stage": "won",
                },
                "segment": {"business_segment": "pet", "lead_type": "online_medium"},
            },
            id="deals",
        ),
    ],
)
def test_public_data_with_the_ready_mappings(
    example: str,
    kind: Any,
    file: str,
    counts: dict[str, int],
    first: dict[str, Any],
    test_data: Path,
    shelf: Shelf,
) -> None:
    plan = parse_mapping((EXAMPLES / example).read_text(), kind)
    receipt = run(test_data / "data" / file, kind, shelf, plan=plan)
    assert (receipt["rejected"], receipt["left_out"], receipt["duplicates"]) == ({}, 0, 0)
    assert Counter(fact.type for fact in shelf.facts.values()) == counts
    assert shelf.payloads()[0][2] == first
    if kind == "events":
        orders = [p["order"] for t, _, p in shelf.payloads() if t == "order"]
        assert sum(order["amount_minor"] for order in orders) == 1_142_350
        assert {order["currency"] for order in orders} == {"EUR"}
    if kind == "leads":
        silent = [p for t, _, p in shelf.payloads() if t == "touch" and "channel" not in p["touch"]]
        assert len(silent) == 60
