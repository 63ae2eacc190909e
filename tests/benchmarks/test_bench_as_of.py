"""How long a report of an earlier moment takes, and why it changed: first, and asked again. The
processor seconds tell more than the wait where others use the machine too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.ledgers import make_ledger
from tests.benchmarks.measuring import report
from tests.benchmarks.test_bench_reports import ALL, client_of, milliseconds, rebuild

pytestmark = pytest.mark.bench
FACTS = 1_000_000
SINCE = {"a week of a year": 358 / 365, "a fifth": 0.8}


def test_as_of_and_changes(serve: Callable[..., Any], tmp_path: Path) -> None:
    make_ledger(tmp_path, FACTS)
    rebuild(tmp_path)
    served = serve(tmp_path)
    with client_of(served) as client:
        newest = client.get("/v1/roi", params=ALL).json()["meta"]["watermark"]
        for since, share in SINCE.items():
            then = str(int(newest * share))
            told = {
                "as_of": {"path": "/v1/roi", "as_of": then},
                "same_moment": {"path": "/v1/attribution", "as_of": then},
                "changes": {"path": "/v1/changes", "from_as_of": then},
                "changes_facts": {
                    "path": "/v1/changes/facts",
                    "from_as_of": then,
                    "cause": "late_facts",
                },
            }
            figures: dict[str, float] = {}
            for name, params in told.items():
                common = {} if name == "changes_facts" else ALL
                before = served.cpu_seconds()
                figures[f"{name}_ms"] = milliseconds(client, **params, **common)
                figures[f"{name}_processor_s"] = served.cpu_seconds() - before
                figures[f"{name}_again_ms"] = milliseconds(client, **params, **common)
            report(f"{since} back in {newest:,} facts", **figures)
        report("the service", peak_mb=served.peak_mb())
    assert served.process.poll() is None
