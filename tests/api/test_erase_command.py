"""`throughline erase`: asks first, and prints the receipt."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.kit.db import make_engine
from service.ledger.migrate import migrate
from service.settings import Settings
from tests.laws.ledgers import Ledger

VISIT = {
    "sender": "web",
    "kind": "touch",
    "occurred_at": "2026-03-01T10:00:00Z",
    "touch": {"source": "google"},
}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A ledger with one visitor, of which the command hears by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(tmp_path / "var"))
    engine = make_engine(Settings(_env_file=None).ledger_url)
    migrate(engine)
    ledger = Ledger(engine)
    ids = {"anonymous_id": "cookie-1", "user_id": "user-1"}
    ledger.send([{**VISIT, "id": "e1", "identifiers": ids}])
    return ledger


def run(*words: str, answer: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["erase", *words], input=answer)
    return done.exit_code, done.stdout, done.stderr


def test_it_asks_and_then_prints_the_receipt(told: Ledger) -> None:
    status, printed, said = run("user_id=user-1", answer="n\n")
    assert status == 1
    assert "{" not in printed
    assert "2 identifiers belong to this person" in said
    assert told.last_seq() == 1
    status, printed, _ = run("user_id=user-1", answer="y\n")
    receipt = json.loads(printed.splitlines()[-1])  # before it stands what was typed
    assert (status, receipt["facts"], receipt["identifiers"]) == (0, 1, 2)
    assert receipt["author"] == "command line"
    status, printed, _ = run("anonymous_id=cookie-1", "--yes")
    assert (status, json.loads(printed)["facts"]) == (0, 0)
    told.engine.dispose()


@pytest.mark.parametrize(
    ("word", "status", "said"),
    [
        ("user-1", 2, "KIND=VALUE"),
        ("user_id=", 2, "KIND=VALUE"),
        ("email=nobody", 2, "bad_identifier: this value identifies nobody; check it"),
    ],
)
def test_what_names_nobody_is_refused(told: Ledger, word: str, status: int, said: str) -> None:
    done = run(word, "--yes")
    assert (done[0], done[1]) == (status, "")
    assert said in done[2]
    assert told.last_seq() == 1
    told.engine.dispose()
