"""`throughline hooks`: made, listed, changed and ended from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.kit.db import make_engine
from service.ledger.hooks import HookRing, find_hook
from service.settings import Settings

FILE = """
[constants]
kind = "deal"
[fields]
id = "event_id"
deal = "object_id"
[stages]
won = "won"
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the ledger, of which the command hears by the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(tmp_path / "var"))
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["hooks", *words])
    shown = done.stderr if done.exception is None else f"{done.stderr}{done.exception}"
    return done.exit_code, done.stdout, shown


def test_a_hook_from_its_making_to_its_end(told: Path) -> None:
    (told / "deals.toml").write_text(FILE)
    words = ("create", "--kind", "webhook", "--source", "crm", "--options", "deals.toml")
    status, printed, _ = run(*words)
    assert status == 0
    address = printed.strip()
    assert address.startswith("http://127.0.0.1:8000/v1/webhooks/hk_")
    assert printed == address + "\n"
    engine = make_engine(Settings(_env_file=None).ledger_url)
    key = address.rpartition("/")[2]
    assert HookRing(engine).hooked(key).options["stages"] == {"won": "won"}
    (told / "more.json").write_text(
        json.dumps({"stages": {"sold": "won"}, "signature_header": "X-Sign"})
    )
    status, printed, said = run("set", "1", "--options", "more.json", "--secret", "t0psecret")
    assert (status, printed) == (0, "")
    assert "version 2" in said
    assert find_hook(engine, 1)["options"] == {
        "stages": {"sold": "won"}, "signature_header": "X-Sign", "secret": "t0psecret",
    }  # fmt: skip
    # A secret that is not named stays; nothing new makes no version.
    assert "version 2" in run("set", "1", "--options", "more.json")[2]
    status, printed, _ = run("list")
    assert status == 0
    assert "webhook" in printed
    assert "t0psecret" not in printed
    assert key not in printed
    assert run("end", "1")[0] == 0
    assert "ended before" in run("end", "1")[2]
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--kind", "nobody", "--source", "crm"), "one of the kinds"),
        (("create", "--kind", "webhook", "--source", ""), "printable"),
        (("create", "--kind", "webhook", "--source", "x", "--secret", "s"), "signature"),
        (
            ("create", "--kind", "webhook", "--source", "x", "--options", "bad.toml"),
            "cannot be read",
        ),
        (("create", "--kind", "webhook", "--source", "x", "--options", "list.json"), "no table"),
        (("end", "7"), "no hook 7"),
        (("set", "7"), "no hook 7"),
    ],
)
def test_what_makes_no_sense_is_said(told: Path, words: tuple[str, ...], said: str) -> None:
    (told / "bad.toml").write_text("a = ")
    (told / "list.json").write_text("[]")
    status, printed, shown = run(*words)
    assert status != 0
    assert printed == ""
    assert said in shown
