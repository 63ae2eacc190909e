"""What is sent once is kept once, with a receipt that says so; nothing sent vanishes."""

import pytest
from sqlalchemy.exc import IntegrityError

from service.ledger.append import LOOKUP_ROWS, MAX_RAW, Batch
from service.ledger.intake import list_sources
from service.ledger.quarantine import list_quarantine
from service.ledger.read import last_seq
from tests.ledger.samples import AT, NOW, Ledger, contents, outcome


def test_a_fact_is_kept_as_it_came(ledger: Ledger) -> None:
    fact = ledger.fact(
        "e1=x", type="page", at=AT - 5, received_at=AT + 7, payload='{"ü":"\\u0000"}'
    )
    (receipt,) = ledger.append(Batch([fact]))
    columns = "source_id, fact_id, type, occurred_at, received_at, payload, subject"
    assert ledger.rows(columns) == [
        (ledger.web, "e1", "page", AT - 5, AT + 7, '{"ü":"\\u0000"}', None)
    ]
    assert outcome(receipt) == (1, 0, [])
    assert receipt.watermark == last_seq(ledger.engine)


def test_facts_keep_their_order_over_batches_and_transactions(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e3=x", "e1=x"), ledger.facts("e2=x", source=ledger.crm))
    ledger.append(ledger.facts("e0=x"))
    assert contents(ledger.rows()) == ["e3=x", "e1=x", "e2=x", "e0=x"]
    seqs = [seq for (seq,) in ledger.rows("seq")]
    assert seqs == sorted(set(seqs))


def test_nothing_is_an_answer_too(ledger: Ledger) -> None:
    assert [outcome(r) for r in ledger.append(Batch([]))] == [(0, 0, [])]
    assert ledger.append() == []
    assert ledger.counts() == {}


@pytest.mark.parametrize(
    ("sent", "outcomes", "kept"),
    [
        pytest.param([["e1=x", "e1=x"]], [(1, 1, [])], ["e1=x"], id="duplicate in one batch"),
        pytest.param(
            [["e1=x"], ["e1=x"]], [(1, 0, []), (0, 1, [])], ["e1=x"], id="duplicate in the next"
        ),
        pytest.param(
            [["e1=x", "e1=y"]], [(1, 0, ["conflict"])], ["e1=x"], id="conflict in one batch"
        ),
        pytest.param(
            [["e1=x"], ["e1=y", "e2=x"]],
            [(1, 0, []), (1, 0, ["conflict"])],
            ["e1=x", "e2=x"],
            id="conflict in the next",
        ),
        pytest.param(
            [["e1=x", "e1=y", "e1=x", "e1=y"]],
            [(1, 1, ["conflict", "conflict"])],
            ["e1=x"],
            id="first wins for ever",
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one transaction", "one each"])
def test_the_same_id_again(
    ledger: Ledger,
    sent: list[list[str]],
    outcomes: list[tuple[int, int, list[str]]],
    kept: list[str],
    together: bool,
) -> None:
    batches = [ledger.facts(*said) for said in sent]
    receipts = ledger.append(*batches) if together else [ledger.append(b)[0] for b in batches]
    assert [outcome(r) for r in receipts] == outcomes
    assert contents(ledger.rows()) == kept


def test_two_sources_may_use_one_id(ledger: Ledger) -> None:
    receipts = ledger.append(ledger.facts("e1=x"), ledger.facts("e1=y", source=ledger.crm))
    assert [outcome(r) for r in receipts] == [(1, 0, []), (1, 0, [])]
    assert ledger.rows("source_id, fact_id") == [(ledger.web, "e1"), (ledger.crm, "e1")]


def test_other_type_or_moment_is_other_content(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e1=x"))
    later = Batch([ledger.fact("e1=x", at=AT + 1), ledger.fact("e1=x", type="page")])
    assert outcome(ledger.append(later)[0]) == (0, 0, ["conflict", "conflict"])


def test_the_time_of_arrival_is_no_content(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e1=x"))
    again = Batch([ledger.fact("e1=x", received_at=AT + 1)])
    assert outcome(ledger.append(again)[0]) == (0, 1, [])
    assert ledger.rows("received_at") == [(AT,)]


def test_a_corrected_clock_makes_no_conflict(ledger: Ledger) -> None:
    claim = '{"claimed_at":"2026-03-02T09:00:00Z"}'
    for arrival in (AT, AT + 60_000_000):
        fact = ledger.fact("e1=", at=arrival, received_at=arrival, payload=claim)
        (receipt,) = ledger.append(Batch([fact]))
    assert outcome(receipt) == (0, 1, [])


def test_a_conflict_is_kept_and_says_what_to_do(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e1=x"))
    (receipt,) = ledger.append(ledger.facts("e0=x", "e1=y"))
    (refused,) = receipt.refused
    assert (refused.index, refused.code, refused.field) == (1, "conflict", "id")
    assert "the first stays" in refused.detail
    assert ledger.rows("source_id, code, field, fact_id, raw", "quarantine") == [
        (ledger.web, "conflict", "id", "e1", '{"track":"y"}')
    ]


def test_many_known_facts_are_looked_up_in_parts(ledger: Ledger) -> None:
    names = [f"e{n}=x" for n in range(2 * LOOKUP_ROWS + 1)]
    ledger.append(ledger.facts(*names))
    (receipt,) = ledger.append(ledger.facts(*names, "new=x"))
    assert outcome(receipt) == (1, len(names), [])


def test_what_was_refused_at_the_door_is_kept_and_counted(ledger: Ledger) -> None:
    long = "é" * (MAX_RAW + 1)
    refusals = [ledger.refused("bad_url", raw=long, fact_id="i" * 501, index=4),
                ledger.refused("bad_url", detail="d" * 3000)]  # fmt: skip
    (receipt,) = ledger.append(Batch([ledger.fact("e1=x")], refusals))
    assert outcome(receipt) == (1, 0, ["bad_url", "bad_url"])
    kept = ledger.rows("code, fact_id, detail, raw, received_at", "quarantine")
    assert kept == [
        ("bad_url", "i" * 500, "why", long[:MAX_RAW], AT),
        ("bad_url", "", "d" * 2000, "", AT),
    ]
    assert ledger.counts() == {(ledger.web, "accepted"): 1, (ledger.web, "bad_url"): 2}


def test_counts_go_on_over_transactions_and_sources(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e1=x", "e2=x"), ledger.facts("e1=x", source=ledger.crm))
    ledger.append(ledger.facts("e1=x", "e2=y"), Batch([], [ledger.refused("bad_url", ledger.crm)]))
    assert ledger.counts() == {
        (ledger.web, "accepted"): 2,
        (ledger.web, "duplicate"): 1,
        (ledger.web, "conflict"): 1,
        (ledger.crm, "accepted"): 1,
        (ledger.crm, "bad_url"): 1,
    }
    assert [(s["name"], s["outcomes"]) for s in list_sources(ledger.engine, NOW)] == [
        ("web", {"accepted": 2, "conflict": 1, "duplicate": 1}),
        ("crm", {"accepted": 1, "bad_url": 1}),
    ]


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    stranger = ledger.fact("e2=x", source=2**31 - 1)
    with pytest.raises(IntegrityError):
        ledger.append(ledger.facts("e1=x"), Batch([stranger], [ledger.refused("bad_url")]))
    assert ledger.rows() == []
    assert ledger.rows("code", "quarantine") == []
    assert ledger.counts() == {}


def test_the_quarantine_is_read_newest_first_in_pages(ledger: Ledger) -> None:
    codes = ("bad_url", "naive_timestamp", "bad_url")
    for code, source in zip(codes, (ledger.web, ledger.web, ledger.crm), strict=True):
        ledger.append(Batch([], [ledger.refused(code, source, fact_id=f"of {source}")]))
    first = list_quarantine(ledger.engine, 2)
    assert [(i["source"], i["code"]) for i in first["items"]] == [
        ("crm", "bad_url"),
        ("web", "naive_timestamp"),
    ]
    rest = list_quarantine(ledger.engine, 2, before=first["next"])
    assert [i["code"] for i in rest["items"]] == ["bad_url"]
    assert rest["next"] is None
    of_web = list_quarantine(ledger.engine, 9, source="web", code="bad_url")["items"]
    assert [i["fact_id"] for i in of_web] == [f"of {ledger.web}"]
    assert of_web[0]["received_at"] == NOW.isoformat().replace("+00:00", "Z")


def test_a_subject_can_be_restated_back_and_forth(ledger: Ledger) -> None:
    receipts = [ledger.append(Batch([ledger.line(amount)]))[0] for amount in ("10", "12", "10")]
    assert [outcome(r) for r in receipts] == [(1, 0, []), (1, 0, []), (1, 0, [])]
    rows = ledger.rows("fact_id, payload, subject")
    assert [payload for _, payload, _ in rows] == [
        '{"track":"10"}', '{"track":"12"}', '{"track":"10"}'
    ]  # fmt: skip
    assert len({fact_id for fact_id, _, _ in rows}) == 3
    assert {subject for *_, subject in rows} == {"day:line"}


def test_a_subject_restated_in_one_transaction(ledger: Ledger) -> None:
    one_by_one = Batch([ledger.line("10"), ledger.line("10"), ledger.line("12"), ledger.line("10")])
    (receipt,) = ledger.append(one_by_one)
    assert outcome(receipt) == (3, 1, [])


def test_the_same_words_of_a_subject_are_a_duplicate(ledger: Ledger) -> None:
    ledger.append(Batch([ledger.line("10")]))
    later = ledger.fact("=10", type="spend", subject="day:line", at=AT + 9)
    assert outcome(ledger.append(Batch([later]))[0]) == (0, 1, [])
    ledger.append(Batch([ledger.line("12")]))
    assert outcome(ledger.append(Batch([ledger.line("12")]))[0]) == (0, 1, [])


def test_each_source_states_its_own_subjects(ledger: Ledger) -> None:
    ledger.append(Batch([ledger.line("10")]), Batch([ledger.line("12", ledger.crm)]))
    again = ledger.append(Batch([ledger.line("10")]), Batch([ledger.line("10", ledger.crm)]))
    assert [outcome(r) for r in again] == [(0, 1, []), (1, 0, [])]


def test_a_restatement_follows_what_was_said_under_an_id(ledger: Ledger) -> None:
    named = ledger.fact("history-1=10", type="spend", subject="day:line")
    ledger.append(Batch([named]))
    assert outcome(ledger.append(Batch([ledger.line("10")]))[0]) == (0, 1, [])
    assert outcome(ledger.append(Batch([ledger.line("12")]))[0]) == (1, 0, [])
    assert ledger.rows("payload")[-1] == ('{"track":"12"}',)
