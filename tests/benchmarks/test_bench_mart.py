"""From a million facts, and from ten, to the mart; and a thousand more on top."""

import os
import re
import subprocess
import sys
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
MILLION = 1_000_000


@pytest.mark.parametrize("facts", [MILLION, 10 * MILLION])
def test_rebuild(tmp_path: Path, facts: int) -> None:
    ledger = make_ledger(tmp_path, facts)
    command = [str(Path(sys.executable).with_name("throughline")), "rebuild"]
    environment = {**os.environ, "THROUGHLINE_DATA_DIR": str(tmp_path)}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        peak = max(peak, *(int(kb) for kb in re.findall(r"VmHWM:\s+(\d+)", status)), 0)
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    assert process.wait() == 0
    mart = (tmp_path / "mart.duckdb").stat().st_size
    report(
        f"rebuild of {facts:,} page views",
        seconds=seconds,
        peak_mb=peak / 1024,
        ledger_bytes_per_fact=ledger.stat().st_size / facts,
        mart_bytes_per_fact=mart / facts,
    )
    assert ledger.stat().st_size + mart <= 600 * facts


def test_a_thousand_facts_on_a_million(serve: Callable[..., Any], tmp_path: Path) -> None:
    make_ledger(tmp_path, MILLION)
    served = serve(tmp_path)
    bodies = [orjson.dumps(events(1000, seed)) for seed in range(5)]
    headers = {"Authorization": f"Bearer {served.key}"}
    waits, followed = [], []
    for body in bodies:
        started = time.perf_counter()
        posted = httpx.post(
            f"{served.url}/v1/events", content=body, headers=headers, timeout=60
        ).json()
        params = {"min_watermark": posted["watermark"]}
        answer = httpx.get(f"{served.url}/v1/roi", params=params, headers=headers, timeout=60)
        assert answer.json()["meta"]["watermark"] >= posted["watermark"]
        waits.append(time.perf_counter() - started)
    for body in (orjson.dumps(events(1000, seed)) for seed in range(5, 10)):
        started = time.perf_counter()
        load(served.url, "/v1/events", served.key, [body], 1)
        newest = httpx.get(f"{served.url}/readyz", timeout=60).json()["ledger_watermark"]
        while httpx.get(f"{served.url}/readyz", timeout=60).json()["watermark"] < newest:
            time.sleep(0.02)
        followed.append(time.perf_counter() - started)
        time.sleep(1.5)
    report(
        "1,000 facts on 1,000,000, posted to visible",
        asked_for_median=sorted(waits)[2],
        asked_for_worst=max(waits),
        followed_median=sorted(followed)[2],
        followed_worst=max(followed),
    )
    assert len(waits) == 5
