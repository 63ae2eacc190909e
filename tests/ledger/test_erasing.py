"""What an erasure looks through while others write, and how little of it they wait for."""

from typing import Any

import pytest

from service.ledger import erasure
from service.ledger.append import Batch
from service.ledger.erasure import Erased, erase
from tests.ledger.samples import NOW, Ledger

ANN = "user_id:ann"


def test_what_is_refused_while_it_searches_is_found_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = erasure._rows_naming

    def searched(connection: Any, table: Any, person: Erased, after: int = 0) -> Any:
        found = search(connection, table, person, after)
        if table.name == "quarantine" and not after:
            refuse("late ann")  # it would wait for ever, were the search one of the writers
            refuse("late bob")
        return found

    def refuse(detail: str) -> None:
        ledger.append(Batch([], [ledger.refused("bad_url", detail=detail)]))

    monkeypatch.setattr(erasure, "_rows_naming", searched)
    refuse("early bob")
    refuse("early ann")
    person = Erased(frozenset({ANN}), lambda text: "ann" in text)
    assert erase(ledger.engine, person, NOW, "test")["quarantined"] == 2
    assert [detail for (detail,) in ledger.rows("detail", "quarantine")] == [
        "early bob",
        "late bob",
    ]


def test_many_refused_items_go_at_once(ledger: Ledger) -> None:
    """More of them than one statement can name."""
    many = [
        ledger.refused("bad_url", detail=f"{i} {'ann' if i % 2 else 'bob'}") for i in range(2_500)
    ]
    ledger.append(Batch([], many))
    person = Erased(frozenset({ANN}), lambda text: "ann" in text)
    assert erase(ledger.engine, person, NOW, "test")["quarantined"] == 1_250
    assert len(ledger.rows("id", "quarantine")) == 1_250
    assert erase(ledger.engine, person, NOW, "test")["quarantined"] == 0
