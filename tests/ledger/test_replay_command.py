"""`throughline replay`: the quarantine on the command line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from service.cli import app
from service.kit.db import make_engine
from service.ledger.append import Batch, Refused, append
from service.ledger.intake import list_sources
from service.ledger.keys import ensure_source_id
from service.ledger.migrate import migrate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
EVENT = {"id": "e1", "type": "order", "occurred_at": "2026-02-01T10:00:00Z",
         "order": {"id": "O1", "status": "completed", "amount": "12,50", "currency": "EUR",
                   "coupon": "X"}}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("THROUGHLINE_SECRET", "a secret of the tests, long enough.")
    made = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(made)
    source = ensure_source_id(made, "shop", NOW)
    refused = [
        Refused(source, 0, "unknown_field", "order.coupon", "why", int(NOW.timestamp() * 10**6),
                "e1", orjson.dumps({**EVENT, "id": f"e{n}"}).decode())
        for n in range(3)
    ]  # fmt: skip
    append(made, [Batch([], refused)])
    yield made
    made.dispose()


def run(*arguments: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["replay", *arguments])
    return done.exit_code, orjson.loads(done.stdout) if done.stdout else None


def test_all_of_a_source_are_mended(engine: Any) -> None:
    code, told = run("--source", "shop")
    assert (code, told["items"], told["refused"]) == (1, 0, 3)
    fixes = ("--remove", "order.coupon", "--set", 'order.amount="12.50"')
    code, told = run("--id", "1", *fixes)
    assert (code, told["items"], told["accepted"]) == (0, 1, 1)
    code, told = run("--code", "unknown_field", *fixes)
    assert (code, told["accepted"], told["refused"]) == (0, 2, 0)
    code, told = run("--source", "shop")
    assert (code, told["items"]) == (0, 0)
    (shop,) = list_sources(engine, NOW)
    assert shop["outcomes"] == {"accepted": 3}


def test_it_asks_which(engine: Any) -> None:
    assert run()[0] == 2
