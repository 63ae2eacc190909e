"""Imports: a file's rows become facts once, however often and in whatever pieces it is read."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.imports import ImportOptions, Progress, import_file
from service.collect.rows import Reading
from service.kit.db import make_engine
from service.kit.errors import BadRequest, Conflict, Refusal
from service.ledger.append import Batch, Receipt, append
from service.ledger.keys import create_key
from service.ledger.migrate import migrate
from tests.collect.shelf import NOW, SENDER, Shelf, run

TOUCHES = (
    "id,time,user_id,channel\nt1,2026-03-01T10:00:00Z,u1,email\nt2,2026-03-02T10:00:00Z,u2,sms\n"
)


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


def test_progress_and_batches(write: Callable[..., Path], shelf: Shelf) -> None:
    rows = "".join(f"t{n},2026-03-01T10:00:00Z,u{n},sms\n" for n in range(25))
    path = write(gzip.compress(("id,time,user_id,channel\n" + rows).encode()), "t.csv.gz")
    told: list[Progress] = []
    import_file(path, ImportOptions("events", batch_facts=10), SENDER, shelf, told.append)
    assert shelf.batches == [10, 10, 5]
    assert [(p.rows, p.accepted) for p in told] == [(10, 10), (20, 20), (25, 25)]
    assert told[-1].bytes_done == told[-1].bytes_total == path.stat().st_size


class Stopped(Exception):
    pass


def interrupted_after(shelf: Shelf, batches: int) -> Callable[[Batch], Receipt]:
    def submit(batch: Batch) -> Receipt:
        if len(shelf.batches) >= batches:
            raise Stopped
        return shelf(batch)

    return submit


USER = st.sampled_from(["u1", "u2", ""])
CELL = st.sampled_from(["u1", "u2", "x", '"', ",", ""])
ROWS = st.lists(
    st.tuples(st.sampled_from(["2026-03-01T10:00:00Z", "never"]), USER, CELL), max_size=12
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
    good = [row for row in rows if row[0] != "never" and row[1]]
    assert first["accepted"] == len(good)


def test_neither_order_of_columns_nor_quotes_make_another_row(
    write: Callable[..., Path], shelf: Shelf
) -> None:
    run(write("time,user_id\n2026-03-01T10:00Z,u1\n"), "events", shelf)
    again = run(write('user_id;"time"\r\n"u1";2026-03-01T10:00Z\r\n'), "events", shelf)
    assert (again["accepted"], again["duplicates"]) == (0, 1)


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
