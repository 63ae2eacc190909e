"""How long the models side by side take, and a thousand draws beside the fit they are drawn from."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.benchmarks.ledgers import make_ledger
from tests.benchmarks.measuring import Served, report
from tests.benchmarks.test_bench_reports import ALL, client_of, milliseconds, rebuild

pytestmark = pytest.mark.bench
EIGHT = (
    "first_touch,last_touch,last_non_direct,linear,position_based,time_decay,markov,markov:order=2"
)
COMPARE = "/v1/models/compare"


def test_compare_of_a_million_page_views(serve: Callable[..., Any], tmp_path: Path) -> None:
    """Five in a hundred visitors buy, as in the other reports' worlds."""
    make_ledger(tmp_path, 1_000_000)
    rebuild(tmp_path)
    served = serve(tmp_path)
    with client_of(served) as client:
        compare(served, client, "a million page views", 5)
    assert served.process.poll() is None


def test_compare_of_a_million_touchpoints(serve: Callable[..., Any], tmp_path: Path) -> None:
    make_ledger(tmp_path, 3_400_000, buyers=1.0, touches=4)
    rebuild(tmp_path)
    served = serve(tmp_path)
    measure(served)
    assert served.process.poll() is None


def measure(served: Served, times: int = 3) -> None:
    """Every question is new (a lookback no other has), so no fit and no answer is remembered."""
    with client_of(served) as client:
        compare(served, client, "a million journey touchpoints", times)
        for place, model in enumerate(("linear", "markov", "markov:order=2", "incremental")):
            for sure in ("false", "true"):
                days = range(100 + 20 * place + 10 * (sure == "true"), 300)
                asked = [
                    {**ALL, "model": model, "intervals": sure, "lookback": f"{day}d"}
                    for day in days[:times]
                ]
                told(served, client, f"{model}, intervals={sure}", "/v1/attribution", asked)


def compare(served: Served, client: httpx.Client, world: str, times: int) -> None:
    milliseconds(client, COMPARE, **ALL, lookback="1d")
    compared = [{**ALL, "model": EIGHT, "lookback": f"{80 + i}d"} for i in range(times)]
    told(served, client, f"compare of eight models, {world}", COMPARE, compared)
    again = [milliseconds(client, COMPARE, **asked) for asked in compared]
    report("the same again", median_ms=statistics.median(again), peak_mb=served.peak_mb())


def told(
    served: Served, client: httpx.Client, name: str, path: str, asked: list[dict[str, str]]
) -> None:
    before = served.cpu_seconds()
    took = [milliseconds(client, path, **one) for one in asked]
    used = (served.cpu_seconds() - before) / len(asked) * 1000
    report(name, median_ms=statistics.median(took), cpu_ms=used)
