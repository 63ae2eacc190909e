"""How long it takes until a person is erased and reports answer again, and what the tombstones cost
whoever posts afterwards."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.benchmarks.ledgers import make_ledger
from tests.benchmarks.measuring import load, report
from tests.benchmarks.test_bench_ingest import events
from tests.benchmarks.test_bench_reports import ALL, client_of, milliseconds, rebuild

pytestmark = pytest.mark.bench
FACTS = 1_000_000
BATCHES, SIZE = 300, 100


def batches(seed: int) -> list[bytes]:
    made = events(BATCHES * SIZE, seed)
    return [orjson.dumps(made[at : at + SIZE]) for at in range(0, len(made), SIZE)]


def test_erasure(serve: Callable[..., Any], tmp_path: Path) -> None:
    make_ledger(tmp_path, FACTS)
    rebuild(tmp_path)
    served = serve(tmp_path)
    with client_of(served) as client:
        milliseconds(client, "/v1/roi", **ALL)
        load(served.url, "/v1/events", served.key, batches(1), 4)  # warm
        before = BATCHES * SIZE / load(served.url, "/v1/events", served.key, batches(2), 4)
        someone = client.get("/v1/journeys", params={**ALL, "limit": "1"}).json()["items"][0]
        person = client.get(f"/v1/people/{someone['person_id']}").json()
        known = person["identifiers"][0]
        named = {known["kind"]: known["value"]}
        started = time.perf_counter()
        answer = client.post("/v1/erasures", json={"identifiers": named})
        took = time.perf_counter() - started
        assert answer.status_code == 201, answer.text
        again = milliseconds(client, "/v1/roi", **ALL)
        after = BATCHES * SIZE / load(served.url, "/v1/events", served.key, batches(3), 4)
    report(
        f"erasing one of {FACTS:,} facts' people",
        facts=answer.json()["facts"],
        erased_s=took,
        report_after_it_ms=again,
        events_per_s_before=before,
        events_per_s_after=after,
        after_to_before=after / before,
        peak_mb=served.peak_mb(),
    )
