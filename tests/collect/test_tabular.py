"""Reading tables: every row is given or refused in its place, whatever stands beside it."""

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.rows import MAX_LINE
from service.collect.tabular import Reading, read_table
from service.kit.errors import BadRequest, Refusal


def rows(data: bytes | Path, **how: Any) -> list[tuple[int, Any]]:
    """(line, values) of good rows and (line, code) of refused ones."""
    with read_table(data, Reading(**how)) as table:
        return [(r.line, r.refusal.code if r.refusal else dict(r.values)) for r in table]


def refused_whole(data: bytes | Path, **how: Any) -> str:
    with pytest.raises((BadRequest, Refusal)) as caught:
        rows(data, **how)
    assert caught.value.detail
    return caught.value.code


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_delimiter_is_found(sign: str, end: str) -> None:
    text = end.join([f"a{sign}b", f"1{sign}2", f'"x{sign}y"{sign}""', ""])
    expected = [(2, {"a": "1", "b": "2"}), (3, {"a": f"x{sign}y", "b": ""})]
    assert rows(text.encode()) == expected
    assert rows(text.encode(), delimiter=sign) == expected


def test_the_mark_of_utf8_belongs_to_no_column() -> None:
    assert rows("\ufeffid;имя\n1;Анна\n".encode()) == [(2, {"id": "1", "имя": "Анна"})]


def test_excels_hint_names_the_delimiter() -> None:
    assert rows(b"sep=|\na|b\n1|2\n") == [(3, {"a": "1", "b": "2"})]


def test_a_header_that_fits_twice_is_settled_by_the_rows() -> None:
    assert rows(b"a;b,c;d\n1;2;3\n") == [(2, {"a": "1", "b,c": "2", "d": "3"})]
    assert refused_whole(b"a;b,c\n1;2,3\n") == "unclear_delimiter"
    assert rows(b"a;b,c\n1;2,3\n", delimiter=";") == [(2, {"a": "1", "b,c": "2,3"})]


@pytest.mark.parametrize(
    ("data", "how", "code"),
    [
        pytest.param(b"", {}, "empty_table", id="empty"),
        pytest.param(b"\n\n", {}, "empty_table", id="blank lines"),
        pytest.param(b"a,a\n1,2\n", {}, "bad_header", id="a column twice"),
        pytest.param(b'"a,b\n1,2\n', {}, "bad_header", id="an open quote"),
        pytest.param(b"a,\x00\n1,2\n", {}, "nul_character", id="nul"),
        pytest.param("имя,b\n".encode("cp1251"), {}, "not_utf8", id="cp1251 header"),
        pytest.param("a,b\n".encode("utf-16"), {}, "not_utf8", id="utf-16"),
        pytest.param(b"a,b\n1,2\n", {"delimiter": ";"}, "wrong_delimiter", id="delimiter"),
        pytest.param(b"a,b\n", {"delimiter": "::"}, "bad_delimiter", id="two signs"),
        pytest.param(b"a,b\n", {"delimiter": '"'}, "bad_delimiter", id="a quote"),
        pytest.param(b"a,b\n", {"delimiter": "a"}, "bad_delimiter", id="a letter"),
        pytest.param(b"a,b\n", {"encoding": "klingon"}, "unknown_encoding", id="encoding"),
        pytest.param(b"a,b\n", {"encoding": "utf-16"}, "unknown_encoding", id="not ascii"),
        pytest.param(b"a,b\n", {"encoding": "base64"}, "unknown_encoding", id="no encoding"),
        pytest.param(
            b"\xef\xbb\xbfa,b\n", {"encoding": "cp1251"}, "wrong_encoding", id="says utf-8"
        ),
        pytest.param(b"a,b\n", {"decimal": ","}, "bad_decimal", id="two commas"),
        pytest.param(b"a\tb\n", {"decimal": ","}, "bad_decimal", id="tabs and comma"),
        pytest.param(b"a;b\n", {"decimal": "'"}, "bad_decimal", id="no decimal sign"),
        pytest.param(b"PAR1", {}, "bad_parquet", id="parquet"),
        pytest.param(b"\x1f\x8b\x08", {}, "bad_gzip", id="gzip"),
    ],
)
def test_what_no_row_can_be_read_of(data: bytes, how: dict[str, Any], code: str) -> None:
    assert refused_whole(data, **how) == code


BROKEN = [
    pytest.param("1", "wrong_field_count", id="too few"),
    pytest.param("1,2,3", "wrong_field_count", id="too many"),
    pytest.param('"1,2', "bad_quotes", id="never closed"),
    pytest.param('1,"2', "bad_quotes", id="never closed, last field"),
    pytest.param('1,2"', "bad_quotes", id="closed, never opened"),
    pytest.param('1,5" pipe', "bad_quotes", id="inches"),
    pytest.param('1,5"x6"', "bad_quotes", id="two quotes inside"),
    pytest.param('"1"x,2', "bad_quotes", id="text after the quote"),
    pytest.param("1,\x00", "nul_character", id="nul"),
    pytest.param("1,\udcff", "not_utf8", id="not utf-8"),
    pytest.param('1,"a\udcffb"', "not_utf8", id="not utf-8, quoted"),
    pytest.param("1,a\rb", "bad_quotes", id="a lone carriage return"),
    pytest.param("1," + "x" * MAX_LINE, "too_large", id="overlong"),
    pytest.param("1," + "я" * MAX_LINE, "too_large", id="overlong, two bytes each"),
    pytest.param('1,"' + "x" * 200_000, "too_large", id="large and never closed"),
]


@pytest.mark.parametrize(("broken", "code"), BROKEN)
@pytest.mark.parametrize("quoted", [False, True])
def test_a_broken_row_costs_no_other(broken: str, code: str, quoted: bool) -> None:
    good = ['"p","q"' if quoted else "p,q"] * 3
    text = "\n".join(["a,b", *good, broken, *good, ""])
    row = {"a": "p", "b": "q"}
    assert rows(text.encode(errors="surrogateescape")) == [
        (2, row), (3, row), (4, row), (5, code), (6, row), (7, row), (8, row),
    ]  # fmt: skip


def test_a_line_that_comes_cut_is_never_taken_for_a_whole_one() -> None:
    header = ",".join(f"c{n}" for n in range(11))
    cells = ",".join(["я" * 50_000] * 11)  # 1.1 MB; cut at 1 MiB it still has eleven cells
    assert rows(f"{header}\n{cells}\n".encode()) == [(2, "too_large")]


def test_a_record_of_several_lines_is_refused_as_one() -> None:
    # Its second line alone would look like a row.
    text = 'a,b\n1,2,"x\n3,4\ny"\n5,6\n7,"8\n9"\n'
    assert rows(text.encode()) == [
        (2, "wrong_field_count"),
        (5, {"a": "5", "b": "6"}),
        (6, {"a": "7", "b": "8\n9"}),
    ]


def test_the_refusal_keeps_what_was_written_and_says_what_to_do() -> None:
    with read_table("a,b\nпривет\n".encode("cp1251")) as table:
        [row] = table
    assert row.refusal is not None
    assert "--encoding cp1251" in row.refusal.detail
    assert row.raw == "\ufffd" * 6


def test_an_encoding_given_by_name() -> None:
    data = "имя,город\nАнна,Пермь\n\x98\n".encode("cp1251", "replace")
    assert rows(data, encoding="cp1251")[0] == (2, {"имя": "Анна", "город": "Пермь"})
    assert rows(b"a,b\n1,\x98\n2,x\n", encoding="cp1251") == [
        (2, "wrong_encoding"),
        (3, {"a": "2", "b": "x"}),
    ]
    assert rows("a,b\n1,ソ\n".encode("shift_jis"), encoding="shift_jis") == [
        (2, {"a": "1", "b": "ソ"})
    ]


def test_gzip_is_unpacked_and_may_break_off() -> None:
    lines = [f"{n},{n * 7919 % 9973}" for n in range(5_000)]
    packed = gzip.compress("\n".join(["a,b", *lines]).encode())
    assert len(rows(packed)) == 5_000
    cut = rows(packed[: len(packed) * 2 // 3])
    assert cut[-1][1] == "bad_gzip"
    assert 100 < len(cut) < 5_000
    assert cut[:-1] == rows(packed)[: len(cut) - 1]


def test_json_lines_and_arrays(tmp_path: Path) -> None:
    lines = b'\xef\xbb\xbf{"a": 1}\n\n[1]\n{"a": \n{"a": "\xff"}\n{"a": {"b": [2]}}'
    assert rows(lines) == [
        (1, {"a": 1}),
        (3, "not_an_object"),
        (4, "malformed_json"),
        (5, "not_utf8"),
        (6, {"a": {"b": [2]}}),
    ]
    assert rows(b' [{"a": 1}, 2, {"a": 3}]') == [(1, {"a": 1}), (2, "not_an_object"), (3, {"a": 3})]
    assert refused_whole(b"[{]") == "malformed_json"
    overlong = b'{"a": "' + b"x" * MAX_LINE + b'"}\n{"a": 1}'
    assert rows(overlong) == [(1, "too_large"), (2, {"a": 1})]
    packed = tmp_path / "events.ndjson.gz"
    packed.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert rows(packed) == [(1, {"a": 1})]


def test_a_name_says_that_it_is_csv(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"[a],{b}\n1,2\n")
    assert rows(path) == [(2, {"[a]": "1", "{b}": "2"})]


@pytest.mark.parametrize("packed", [False, True])
def test_parquet(tmp_path: Path, packed: bool) -> None:
    moment = datetime(2026, 3, 1, 10, 0, 0, 5, tzinfo=UTC)
    nanoseconds = int(moment.timestamp()) * 10**9 + 5_678
    table = pa.table(
        {
            "at": pa.array([nanoseconds, None], pa.timestamp("ns", "UTC")),
            "day": pa.array([date(2026, 3, 1), None]),
            "amount": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
            "user": pa.array([{"id": 7}, None]),
            "name": pa.array(["a", "b"]).dictionary_encode(),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    with read_table(path) as found:
        assert found.columns == ("at", "day", "amount", "user", "name")
        first, second = (row.values for row in found)
        assert found.done == found.size == path.stat().st_size
    assert first == {
        "at": moment,
        "day": date(2026, 3, 1),
        "amount": Decimal("12.50"),
        "user": {"id": 7},
        "name": "a",
    }
    assert second == {"at": None, "day": None, "amount": None, "user": None, "name": "b"}


def test_progress_ends_at_the_size() -> None:
    data = b"a,b\n" + b"1,2\n" * 100
    with read_table(data) as table:
        assert len(list(table)) == 100
        assert table.done == table.size == len(data)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=8)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_whatever_csv_writes_is_read_back(
    cells: list[tuple[str, str]], sign: str, quoting: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sign, quoting=quoting)
    writer.writerows([("one", "two"), *cells])
    found = rows(out.getvalue().encode(), delimiter=sign)
    assert [values for _, values in found] == [{"one": a, "two": b} for a, b in cells]


@given(st.binary(max_size=60), st.sampled_from(["", "a,b\n", "{", '{"a": 1}\n', "["]))
def test_any_bytes_give_rows_or_a_clear_refusal(data: bytes, start: str) -> None:
    try:
        lines = [line for line, _ in rows(start.encode() + data)]
    except (BadRequest, Refusal) as error:
        lines = [1] if error.code and error.detail else []
        assert lines, "a refusal says what is wrong and what to do"
    assert lines == sorted(set(lines))
