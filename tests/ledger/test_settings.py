"""Every setting says what it is, is documented, and refuses what cannot be meant."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from service.cli import app
from service.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "configuration.md"
# Of the tests, not of the service.
OTHERS = {"THROUGHLINE_TEST_DATA"}
NAMES = {f"THROUGHLINE_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    assert description.endswith(".")
    assert len(description.split()) >= 3


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"THROUGHLINE_[A-Z0-9_]*[A-Z0-9]", DOCUMENT.read_text()))
    assert documented - OTHERS == NAMES


def test_secrets_have_no_default() -> None:
    hidden = [name for name, field in Settings.model_fields.items() if field.repr is False]
    assert hidden == ["secret"]
    assert Settings().secret == ""
    assert "s" * 32 not in repr(Settings(secret="s" * 32))


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THROUGHLINE_PORT", "0")
    monkeypatch.setenv("THROUGHLINE_OWN_HOSTS", " Shop.example, ,blog.example ")
    (tmp_path / ".env").write_text("THROUGHLINE_CURRENCY=PLN\nTHROUGHLINE_PORT=1\nOTHER=x\n")
    found = Settings()
    assert (found.port, found.currency) == (0, "PLN")
    assert found.own_host_set == {"shop.example", "blog.example"}
    assert (found.public_url, found.zone.key) == ("http://127.0.0.1:0", "UTC")


def test_the_ledger_lies_in_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    assert Settings().ledger_url == f"sqlite:///{tmp_path / 'var' / 'ledger.sqlite3'}"
    assert Settings(data_dir=tmp_path).mart_file == tmp_path / "mart.duckdb"
    url = "postgresql+psycopg://user@host/name"
    assert Settings(database_url=url).ledger_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("timezone", "Mars/Olympus", id="unknown zone"),
        pytest.param("currency", "EURO", id="no such currency"),
        pytest.param("phone_region", "Poland", id="no such region"),
        pytest.param("secret", "short", id="short secret"),
        pytest.param("port", 65_536, id="no such port"),
        pytest.param("queue_facts", 0, id="no queue"),
        pytest.param("shared_identifier_limit", 0, id="nobody"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_codes_may_be_written_small() -> None:
    found = Settings(currency="pln", phone_region="pl")
    assert (found.currency, found.phone_region) == ("PLN", "PL")


def test_a_command_names_the_setting_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_CURRENCY", "EURO")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 2
    assert done.stderr == (
        "THROUGHLINE_CURRENCY: 'EURO' is not an ISO 4217 currency; write it like EUR\n"
    )


def test_the_doctor_leaves_an_untouched_folder_untouched(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "none yet" in done.stdout
    assert list((tmp_path / "var").iterdir()) == []


def test_a_duration_is_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_VISIT_GAP", "PT45M")
    monkeypatch.setenv("THROUGHLINE_FOLLOW_INTERVAL", "PT0.5S")
    found = Settings()
    assert found.visit_gap == timedelta(minutes=45)
    assert found.follow_interval == timedelta(milliseconds=500)


def test_a_secret_is_made_once_for_all_processes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as pool:
        made = {
            done.result()
            for done in [
                pool.submit(lambda: Settings(data_dir=folder).secret_bytes) for _ in range(8)
            ]
        }
    (secret,) = made
    assert re.fullmatch(rb"[0-9a-f]{64}", secret)
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert Settings(data_dir=tmp_path / "other").secret_bytes != secret


def test_a_given_secret_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path / "data", secret="s" * 40)
    assert given.secret_bytes == b"s" * 40
    assert not (tmp_path / "data").exists()


def test_no_derived_secret_serves_two_purposes() -> None:
    given = Settings(secret="s" * 40)
    found = [given.derived_secret(purpose) for purpose in ("identifiers", "sessions")]
    assert len(set(found)) == 2
    assert [len(one) for one in found] == [32, 32]
    assert given.derived_secret("identifiers") == found[0]
