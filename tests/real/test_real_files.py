"""Public files that nobody here wrote, imported by the command, give figures known beforehand."""

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from service import cli
from service.kit.db import make_engine
from service.main import memory_mart
from service.reports.desk import ReportDesk
from service.reports.question import Question
from service.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(tmp_path))
    return Settings(data_dir=tmp_path)


def run(*words: str) -> None:
    result = CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def ask(settings: Settings, **params: str) -> dict:
    engine = make_engine(settings.ledger_url)
    mart = memory_mart(settings, engine)
    try:
        mart.refresh()
        desk = ReportDesk(mart, engine, 7, lambda: memory_mart(settings, engine))
        question = Question.from_params(params, "EUR", ZoneInfo("UTC"), datetime.now(UTC))
        return desk.attribution(question)
    finally:
        mart.close()
        engine.dispose()


def test_touchpoints_under_last_touch(settings: Settings, test_data: Path) -> None:
    file = test_data / "data" / "touchpoints.csv.gz"
    mapping = EXAMPLES / "touchpoints.toml"
    run("import", "events", str(file), "--mapping", str(mapping), "--source", "touchpoints")

    answer = ask(settings, **{"from": "2018-07-01", "to": "2018-08-01", "model": "last_touch"})

    found = {r["channel"]: (r["conversions"], r["value"]) for r in answer["rows"]}
    assert found == {
        "Facebook": (561, 3514.50),
        "Instagram": (237, 1475.50),
        "Online Display": (233, 1436.00),
        "Online Video": (350, 2190.00),
        "Paid Search": (457, 2807.50),
    }
    assert answer["totals"] == {"conversions": 1838, "value": 11423.50}
    assert answer["unattributed"]["conversions"] == 0
    # every row is a touchpoint, 1,838 of them are an order as well
    assert answer["meta"]["watermark"] == 62_483 + 1_838


def test_olist_won_by_origin_is_the_join_of_its_files(settings: Settings, test_data: Path) -> None:
    folder = test_data / "data" / "olist"
    for kind in ("leads", "deals"):
        mapping = EXAMPLES / f"olist-{kind}.toml"
        run(
            "import",
            kind,
            str(folder / f"{kind}.csv"),
            "--mapping",
            str(mapping),
            "--source",
            f"olist-{kind}",
        )

    with (folder / "leads.csv").open() as file:
        leads = {row["mql_id"]: row for row in csv.DictReader(file)}
    with (folder / "deals.csv").open() as file:
        deals = list(csv.DictReader(file))
    early = [d for d in deals if d["won_date"][:10] < leads[d["mql_id"]]["first_contact_date"]]
    joined = Counter(leads[d["mql_id"]]["origin"] or "unassigned" for d in deals)
    joined.subtract(leads[d["mql_id"]]["origin"] for d in early)

    every = {"from": "2017-01-01", "to": "2019-01-01", "model": "last_touch", "lookback": "none"}
    won = ask(settings, **every)
    assert {r["channel"]: r["conversions"] for r in won["rows"]} == dict(joined)
    assert won["totals"]["conversions"] == 842
    # the one deal that was won before its lead's first contact is not lost
    assert len(early) == 1
    reasons = [(r["reason"], r["conversions"]) for r in won["unattributed"]["reasons"]]
    assert reasons == [("first_touchpoint_after_conversion", 1)]

    mqls = ask(settings, **every, conversion="mql")
    origins = Counter(row["origin"] or "unassigned" for row in leads.values())
    assert {r["channel"]: r["conversions"] for r in mqls["rows"]} == dict(origins)
    assert mqls["totals"]["conversions"] == 8000
