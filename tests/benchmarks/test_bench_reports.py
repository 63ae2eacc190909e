"""How long readers wait, over HTTP, uncached (each question is new) and repeated."""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.benchmarks.ledgers import make_ledger
from tests.benchmarks.measuring import load, report
from tests.benchmarks.test_bench_ingest import events

pytestmark = pytest.mark.bench
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
    "u_shaped",
    "w_shaped",
    "full_path",
)
ALL = {"from": "2025-01-01", "to": "2026-02-01"}


def milliseconds(client: httpx.Client, path: str, **params: str) -> float:
    started = time.perf_counter()
    answer = client.get(path, params=params)
    took = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.text
    return took


def client_of(served: Any) -> httpx.Client:
    headers = {"Authorization": f"Bearer {served.key}"}
    return httpx.Client(base_url=served.url, headers=headers, timeout=120)


def measure(client: httpx.Client, name: str, lookback: int = 90) -> None:
    """Each question differs from every other by a day of lookback, so none is remembered."""
    milliseconds(client, "/v1/attribution", **ALL, lookback="1d")
    new, again = [], []
    for model in MODELS:
        for step in range(3):
            params = {**ALL, "model": model, "lookback": f"{lookback + step}d"}
            new.append(milliseconds(client, "/v1/attribution", **params))
            again.append(milliseconds(client, "/v1/attribution", **params))
    roi = [
        milliseconds(client, "/v1/roi", **ALL, lookback=f"{lookback + 10 + i}d") for i in range(5)
    ]
    report(
        name,
        model_median_ms=statistics.median(new),
        model_worst_ms=max(new),
        repeated_median_ms=statistics.median(again),
        roi_median_ms=statistics.median(roi),
    )


def measure_explanations(client: httpx.Client) -> None:
    """Each conversion is explained once, so no answer is remembered."""
    found = client.get("/v1/journeys", params={**ALL, "limit": "40"}).json()["items"]
    names = [item["conversion_id"] for item in found]
    for model in ("time_decay", "markov"):
        took = [
            milliseconds(client, f"/v1/conversions/{name}/explain", **ALL, model=model)
            for name in names[: 40 if model == "time_decay" else 5]
        ]
        report(
            f"one conversion explained, {model}",
            median_ms=statistics.median(took[1:]),
            first_ms=took[0],
            worst_ms=max(took[1:]),
        )


@pytest.mark.parametrize("page_views", [1_000_000, 10_000_000])
def test_reports(serve: Callable[..., Any], tmp_path: Path, page_views: int) -> None:
    make_ledger(tmp_path, page_views)
    rebuild(tmp_path)
    served = serve(tmp_path)
    with client_of(served) as client:
        measure(client, f"any rule model by channel, {page_views:,} page views")
        if page_views == 1_000_000:
            while_ingesting(served, client)
        sign_in(client, served, tmp_path)
        pages = [
            page(client, f"/?lookback={80 + i}d&from=2025-01-01&to=2025-12-31") for i in range(5)
        ]
        report(f"overview page, {page_views:,} page views", median_ms=statistics.median(pages))
    assert served.process.poll() is None


def test_a_million_journey_touchpoints(serve: Callable[..., Any], tmp_path: Path) -> None:
    make_ledger(tmp_path, 3_400_000, buyers=1.0, touches=4)
    rebuild(tmp_path)
    served = serve(tmp_path)
    with client_of(served) as client:
        answer = client.get("/v1/paths", params={**ALL, "limit": "1", "lookback": "none"}).json()
        measure(
            client,
            f"a year of {answer['totals']['conversions']:,} conversions, about a million touchpoints",
        )
        measure_explanations(client)
    assert answer["totals"]["conversions"] > 0


def rebuild(folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("throughline")), "rebuild"]
    subprocess.run(
        command,
        check=True,
        env={"THROUGHLINE_DATA_DIR": str(folder), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
    )


def while_ingesting(served: Any, client: httpx.Client) -> None:
    stop = threading.Event()

    def post() -> None:
        seed = 100
        while not stop.is_set():
            seed += 1
            load(served.url, "/v1/events", served.key, [orjson.dumps(events(100, seed))], 1)
            stop.wait(0.05)

    poster = threading.Thread(target=post)
    poster.start()
    try:
        measure(client, "the same while batches of 100 arrive, up to 20 a second", lookback=200)
    finally:
        stop.set()
        poster.join()


def sign_in(client: httpx.Client, served: Any, folder: Path) -> None:
    import os

    command = [str(Path(sys.executable).with_name("throughline")), "sign-in"]
    env = {**os.environ, "THROUGHLINE_DATA_DIR": str(folder), "THROUGHLINE_BASE_URL": served.url}
    link = subprocess.run(command, check=True, capture_output=True, env=env).stdout.decode().strip()
    token = link.partition("token=")[2]
    answer = client.post("/sign-in", data={"token": token}, headers={"Origin": served.url})
    assert answer.status_code == 303, answer.text
    del client.headers["Authorization"]


def page(client: httpx.Client, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, answer.text[:500]
    return (time.perf_counter() - started) * 1000
