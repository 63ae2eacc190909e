"""Imports: a file's rows become facts once, however often and in whatever pieces it is read."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.identifiers import IdentifierReader
from service.collect.imports import ImportOptions, Progress, import_file
from service.collect.mapping import parse_mapping
from service.collect.native import Sender
from service.collect.rows import Reading
from service.kit.db import make_engine
from service.kit.errors import BadRequest, Conflict, Refusal
from service.kit.time import from_micros
from service.ledger.append import Batch, NewFact, Receipt, append
from service.ledger.keys import Caller, create_key
from service.ledger.migrate import migrate

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
SENDER = Sender(
    Caller(1, 1, "files", frozenset({"facts"})), NOW, IdentifierReader(b"sixteen bytes ..", None)
)
TOUCHES = (
    "id,time,user_id,channel\nt1,2026-03-01T10:00:00Z,u1,email\nt2,2026-03-02T10:00:00Z,u2,sms\n"
)


class Shelf:
    """A ledger in memory: the first fact of a name stays."""

    def __init__(self) -> None:
        self.facts: dict[str, NewFact] = {}
        self.batches: list[int] = []

    def __call__(self, batch: Batch) -> Receipt:
        receipt = Receipt(refused=list(batch.refused))
        self.batches.append(len(batch.facts) + len(batch.refused))
        for fact in batch.facts:
            known = self.facts.setdefault(fact.fact_id or f"{fact.subject}{fact.payload}", fact)
            assert (known.payload, known.type) == (fact.payload, fact.type)
            receipt.accepted += known is fact
            receipt.duplicates += known is not fact
        receipt.watermark = len(self.facts)
        return receipt

    def payloads(self) -> list[tuple[str, str, Any]]:
        return [
            (fact.type, from_micros(fact.occurred_at).isoformat(), json.loads(fact.payload))
            for fact in self.facts.values()
        ]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def run(path: Path, kind: Any, shelf: Shelf, **options: Any) -> dict[str, Any]:
    return import_file(path, ImportOptions(kind, **options), SENDER, shelf)


def test_a_table_of_touchpoints(write: Callable[..., Path], shelf: Shelf) -> None:
    assert run(write(TOUCHES), "events", shelf) == {
        "rows": 2,
        "skipped": 0,
        "left_out": 0,
        "accepted": 2,
        "duplicates": 0,
        "rejected": {},
        "first_rejected": [],
        "adjusted": {},
        "unused_columns": [],
        "watermark": 2,
    }
    assert list(shelf.facts) == ["t1", "t2"]
    assert shelf.payloads()[0] == (
        "touch",
        "2026-03-01T10:00:00+00:00",
        {"identifiers": ["user_id:u1"], "touch": {"kind": "click", "channel": "email"}},
    )


def test_broken_rows_are_named_by_line_and_the_others_go_on(
    write: Callable[..., Path], shelf: Shelf
) -> None:
    bad = [
        "t3,2026-03-01T10:00:00Z,u3",
        't4,2026-03-01T10:00:00Z,"u4,email',
        "t5,2026-03-01T10:00:00,u5,email",
        "t6,yesterday,u6,email",
        "t7,2027-03-01T10:00:00Z,u7,email",
        "t8,2026-03-01T10:00:00Z,,email",
        ",2026-03-01T10:00:00Z,u9,email",
    ]
    text = TOUCHES + "\n".join(bad) + "\nt10,2026-03-01T10:00:00Z,u10,sms\n"
    receipt = run(write(text), "events", shelf)
    assert list(shelf.facts) == ["t1", "t2", "t10"]
    assert [(r["line"], r["code"]) for r in receipt["first_rejected"]] == [
        (4, "wrong_field_count"),
        (5, "bad_quotes"),
        (6, "naive_timestamp"),
        (7, "bad_timestamp"),
        (8, "occurred_in_future"),
        (9, "missing_identifiers"),
        (10, "missing_field"),
    ]
    assert "--timezone" in receipt["first_rejected"][2]["detail"]
    assert receipt["rows"] == receipt["accepted"] + sum(receipt["rejected"].values()) == 10


def test_only_the_first_twenty_refusals_are_shown(write: Callable[..., Path], shelf: Shelf) -> None:
    rows = "\n".join(f"t{n},x,u{n},email" for n in range(50))
    receipt = run(write(f"id,time,user_id,channel\n{rows}"), "events", shelf, batch_facts=7)
    assert receipt["rejected"] == {"bad_timestamp": 50}
    assert [r["line"] for r in receipt["first_rejected"]] == list(range(2, 22))


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-03-01 10:00:00", "Europe/Berlin", "2026-03-01T09:00:00+00:00"),
        ("2026-07-01T10:00", "Europe/Berlin", "2026-07-01T08:00:00+00:00"),
        ("2026-07-01T10:00:00Z", "Europe/Berlin", "2026-07-01T10:00:00+00:00"),
        ("2026-03-01", "Europe/Berlin", "2026-02-28T23:00:00+00:00"),
        # Clocks were put forward at midnight: that day began at what is called one o'clock.
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
        # Half past two came twice that night; the first one is meant.
        ("2025-10-26 02:30:00", "Europe/Berlin", "2025-10-26T00:30:00+00:00"),
    ],
)
def test_moments_without_offset_need_a_zone_by_name(
    text: str, zone: str, moment: str, write: Callable[..., Path], shelf: Shelf
) -> None:
    sender = replace(SENDER, received_at=datetime(2026, 12, 1, tzinfo=UTC))
    path = write(f"id,time,user_id\nt1,{text},u1\n")
    import_file(path, ImportOptions("events", timezone=zone), sender, shelf)
    assert [at for _, at, _ in shelf.payloads()] == [moment]


def test_a_zone_that_does_not_exist(write: Callable[..., Path], shelf: Shelf) -> None:
    with pytest.raises(Refusal) as caught:
        run(write(TOUCHES), "events", shelf, timezone="MSK")
    assert caught.value.code == "unknown_timezone"


@pytest.mark.parametrize(
    ("content", "kind", "options", "code"),
    [
        pytest.param("a,b\n1,2\n", "events", {}, "unknown_columns", id="foreign columns"),
        pytest.param("id|time\n1|2\n", "events", {}, "unknown_columns", id="other delimiter"),
        pytest.param(
            TOUCHES,
            "events",
            {"reading": Reading(delimiter=";")},
            "wrong_delimiter",
            id="delimiter",
        ),
        pytest.param(TOUCHES, "events", {"fields": ("touch.term=x",)}, "missing_columns", id="map"),
        pytest.param(TOUCHES, "events", {"fields": ("touch.chanel=x",)}, "bad_mapping", id="typo"),
        pytest.param(TOUCHES, "events", {"fields": ("order.id=id",)}, "bad_mapping", id="part"),
        pytest.param("id,stage\n1,won\n", "deals", {}, "unknown_columns", id="no end of deals"),
        pytest.param("date,source,cost\n1,2,3\n", "spend", {}, "unknown_columns", id="currency"),
        pytest.param('{"id": 1}', "events", {"fields": ("type==x",)}, "bad_mapping", id="json"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_as_a_whole(
    content: str,
    kind: str,
    options: dict[str, Any],
    code: str,
    write: Callable[..., Path],
    shelf: Shelf,
) -> None:
    with pytest.raises((BadRequest, Refusal)) as caught:
        run(write(content, "file"), kind, shelf, **options)
    assert caught.value.code == code
    assert not shelf.batches


def test_wrong_encoding_and_the_right_one(write: Callable[..., Path], shelf: Shelf) -> None:
    path = write("id;time;user_id;channel\na;2026-03-01T10:00Z;u1;почта\n".encode("cp1251"))
    receipt = run(path, "events", shelf)
    assert receipt["rejected"] == {"not_utf8": 1}
    assert receipt["first_rejected"][0]["line"] == 2
    run(path, "events", shelf, reading=Reading(encoding="cp1251"))
    assert shelf.payloads()[0][2]["touch"]["channel"] == "почта"


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
    assert receipt["rejected"] == {"duplicate_line": 1, "wrong_type": 1}
    assert shelf.payloads()[0][2]["spend"]["amount_minor"] == 12_050
    unknown = run(path, "spend", shelf, fields=("currency==RUR",))
    assert unknown["rejected"] == {"unknown_currency": 4}


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
        {"when": datetime(2026, 3, 1, 9), "n": 7, "sum": Decimal("12.50"), "who": {"id": 41.0}},
        {"when": datetime(2026, 3, 2, 9), "n": 8, "sum": Decimal("0.001"), "who": {"id": 42.0}},
    ]  # fmt: skip
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


def test_progress_and_batches(write: Callable[..., Path], shelf: Shelf) -> None:
    rows = "".join(f"t{n},2026-03-01T10:00:00Z,u{n},sms\n" for n in range(25))
    path = write(gzip.compress(("id,time,user_id,channel\n" + rows).encode()), "t.csv.gz")
    told: list[Progress] = []
    import_file(path, ImportOptions("events", batch_facts=10), SENDER, shelf, told.append)
    assert shelf.batches == [10, 10, 5]
    assert [(p.rows, p.accepted) for p in told] == [(10, 10), (20, 20), (25, 25)]
    assert told[-1].bytes_done == told[-1].bytes_total == path.stat().st_size


CELL = st.sampled_from(["u1", "u2", "x", '"', ",", ""])
ROWS = st.lists(
    st.tuples(st.sampled_from(["2026-03-01T10:00:00Z", "never"]), CELL, CELL), max_size=12
)


def _quoted(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' for c in r) for r in rows)


@given(ROWS, st.integers(1, 5))
def test_a_file_imported_again_in_other_batches_is_all_duplicates(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], size: int
) -> None:
    path = tmp_path_factory.mktemp("import") / "file.csv"
    path.write_text(_quoted([("time", "user_id", "channel"), *rows]))
    shelf = Shelf()
    first = run(path, "events", shelf)
    facts = dict(shelf.facts)
    again = run(path, "events", shelf, batch_facts=size)
    assert again["duplicates"] == first["accepted"] == len(facts)
    assert again["rejected"] == first["rejected"]
    assert again["first_rejected"] == first["first_rejected"]
    other = Shelf()
    run(path, "events", other, batch_facts=size)
    assert other.facts == facts == shelf.facts
    # Rows that are equal in every cell are still as many facts.
    good = [row for row in rows if row[0] != "never" and run_one(row)]
    assert first["accepted"] == len(good)


def run_one(row: tuple[str, str, str]) -> bool:
    """Whether a row names somebody."""
    return row[1] != ""


def test_neither_order_of_columns_nor_quotes_make_another_row(
    write: Callable[..., Path], shelf: Shelf
) -> None:
    run(write("time,user_id\n2026-03-01T10:00Z,u1\n"), "events", shelf)
    again = run(write('user_id;"time"\r\n"u1";2026-03-01T10:00Z\r\n'), "events", shelf)
    assert (again["accepted"], again["duplicates"]) == (0, 1)


class Stopped(Exception):
    pass


def interrupted_after(shelf: Shelf, batches: int) -> Callable[[Batch], Receipt]:
    def submit(batch: Batch) -> Receipt:
        if len(shelf.batches) >= batches:
            raise Stopped
        return shelf(batch)

    return submit


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_an_interrupted_import_goes_on(
    batches: int, write: Callable[..., Path], shelf: Shelf, tmp_path: Path
) -> None:
    # Every third row is the same: its name counts how often it came before.
    rows = [f"2026-03-01T10:00:00Z,u{n if n % 3 else 0},sms" for n in range(30)]
    path = write("\n".join(["time,user_id,channel", *rows]))
    options = ImportOptions("events", batch_facts=8)
    whole = Shelf()
    import_file(path, options, SENDER, whole)
    folder = tmp_path / "states"
    with pytest.raises(Stopped):
        import_file(path, options, SENDER, interrupted_after(shelf, batches), None, folder)
    receipt = import_file(path, options, SENDER, shelf, None, folder, resume=True)
    assert (receipt["skipped"], receipt["rows"]) == (8 * batches, 30)
    assert (receipt["accepted"], receipt["duplicates"]) == (30 - 8 * batches, 0)
    assert shelf.facts == whole.facts
    assert list(folder.iterdir()) == []
    again = import_file(path, options, SENDER, shelf, None, folder, resume=True)
    assert (again["skipped"], again["duplicates"]) == (0, 30)


def test_a_resumed_import_of_spend_still_sees_contradictions(
    write: Callable[..., Path], shelf: Shelf, tmp_path: Path
) -> None:
    rows = [f"2026-03-01,x,{n % 3},{n // 3 + 1},EUR" for n in range(4)]
    path = write("\n".join(["date,source,ad,amount,currency", *rows]))
    options = ImportOptions("spend", batch_facts=3)
    with pytest.raises(Stopped):
        import_file(path, options, SENDER, interrupted_after(shelf, 1), None, tmp_path / "states")
    receipt = import_file(path, options, SENDER, shelf, None, tmp_path / "states", resume=True)
    assert (receipt["skipped"], receipt["rejected"]) == (3, {"duplicate_line": 1})


def test_a_state_holds_for_its_own_ledger_file_and_mapping(
    write: Callable[..., Path], shelf: Shelf, tmp_path: Path
) -> None:
    path, folder = write(TOUCHES), tmp_path / "states"
    options = ImportOptions("events", batch_facts=1)
    with pytest.raises(Stopped):
        import_file(path, options, SENDER, interrupted_after(shelf, 1), None, folder)
    with pytest.raises(Conflict) as caught:
        import_file(path, options, SENDER, Shelf(), None, folder, resume=True)
    assert caught.value.code == "another_ledger"
    for other in (
        replace(options, timezone="UTC"),
        replace(options, fields=("touch.medium==cpc",)),
        replace(options, reading=Reading(delimiter=",")),
    ):
        other_shelf = Shelf()
        receipt = import_file(path, other, SENDER, other_shelf, None, folder, resume=True)
        assert receipt["skipped"] == 0
    path.write_text(TOUCHES + "t3,2026-03-01T10:00:00Z,u3,sms\n")
    assert import_file(path, options, SENDER, shelf, None, folder, resume=True)["skipped"] == 0


def test_a_real_ledger_takes_a_file_once(write: Callable[..., Path], tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(engine)
    create_key(engine, "files", ["facts"], NOW)
    path = write(TOUCHES + "t1,2026-03-01T10:00:00Z,u1,sms\nbroken\n")
    receipts = [
        import_file(
            path,
            ImportOptions("events", batch_facts=2),
            SENDER,
            lambda batch: append(engine, [batch])[0],
        )
        for _ in range(2)
    ]
    engine.dispose()
    refused = {"conflict": 1, "wrong_field_count": 1}
    assert [(r["accepted"], r["duplicates"], r["rejected"], r["watermark"]) for r in receipts] == [
        (2, 0, refused, 2),
        (0, 2, refused, 2),
    ]
    assert [(r["line"], r["code"]) for r in receipts[0]["first_rejected"]] == [
        (4, "conflict"),
        (5, "wrong_field_count"),
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
        assert sum(order["amount_minor"] for order in orders) == 1_146_450
        assert {order["currency"] for order in orders} == {"EUR"}
    if kind == "leads":
        silent = [p for t, _, p in shelf.payloads() if t == "touch" and "channel" not in p["touch"]]
        assert len(silent) == 60
