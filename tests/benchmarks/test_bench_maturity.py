"""What it costs the ROI report to say what is too early to judge: the same questions in turn with
and without, in processor time of one process, so that what else the machine does weighs less."""

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.attribution.models import parse_models
from service.journeys.mart import Mart
from service.kit.db import make_engine
from service.kit.time import Period
from service.main import configuration_of
from service.reports.exchange import prepare_factors
from service.reports.lags import LagBook
from service.reports.question import Question
from service.reports.roi import roi
from service.settings import Settings
from tests.benchmarks.ledgers import make_ledger
from tests.benchmarks.measuring import report
from tests.benchmarks.test_bench_reports import rebuild

pytestmark = pytest.mark.bench
YEAR = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), ZoneInfo("UTC"))
MODELS = (
    "first_touch",
    "last_touch",
    "linear",
    "position_based",
    "time_decay",
    "u_shaped",
    "w_shaped",
)


def milliseconds(mart: Mart, question: Question, book: LagBook | None) -> float:
    started = time.process_time()
    with mart.reading() as connection:
        prepare_factors(connection, question.currency, 7)
        roi(connection, question, book=book)
    return (time.process_time() - started) * 1000


def measure(folder: Path, name: str) -> None:
    """Each question has a model of its own, so that no lags are remembered, but one sample is read."""
    settings = Settings(_env_file=None, data_dir=folder)
    engine = make_engine(settings.ledger_url)
    mart = Mart(settings.mart_file, engine, configuration_of(settings), settings.mart_memory, 0)
    book, without, beside = LagBook(), [], []
    first = milliseconds(mart, Question(YEAR, models=parse_models("full_path")), book)
    for _ in range(2):
        for model in MODELS:
            question = Question(YEAR, models=parse_models(model))
            without.append(milliseconds(mart, question, None))
            beside.append(milliseconds(mart, question, book))
        again, book = book, LagBook()
        milliseconds(mart, Question(YEAR, models=parse_models("full_path")), book)
    known = [milliseconds(mart, Question(YEAR, models=parse_models(m)), again) for m in MODELS]
    mart.close()
    engine.dispose()
    report(
        f"ROI by channel, {name}, ms of processor",
        without=statistics.median(without),
        with_maturity=statistics.median(beside),
        lags_known=statistics.median(known),
        first_of_a_watermark=first,
    )


@pytest.mark.parametrize(
    ("page_views", "buyers", "touches"), [(1_000_000, 0.05, 2), (3_400_000, 1.0, 4)]
)
def test_maturity(tmp_path: Path, page_views: int, buyers: float, touches: int) -> None:
    make_ledger(tmp_path, page_views, buyers, touches)
    rebuild(tmp_path)
    measure(tmp_path, f"{page_views:,} page views")
