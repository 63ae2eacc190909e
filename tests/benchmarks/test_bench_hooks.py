"""How long one webhook or postback takes, beside one native event in the same run; promised are
50 ms at the median."""

import os
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from service.collect.signing import signature_of
from tests.benchmarks.measuring import Served, report
from tests.benchmarks.test_bench_ingest import events

pytestmark = pytest.mark.bench

POSTS = 400
WARM = 50
SECRET = "a client secret of the benchmark"


def hook(served: Served, folder: Path, kind: str, **options: Any) -> str:
    """The path of a new hook."""
    file = folder / f"{kind}.json"
    file.write_bytes(orjson.dumps(options))
    command = str(Path(sys.executable).with_name("throughline"))
    words = [command, "hooks", "create", "--kind", kind, "--source", kind, "--options", str(file)]
    environment = {**os.environ, "THROUGHLINE_DATA_DIR": str(folder)}
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return urlsplit(done.stdout.strip()).path


def hubspot(number: int, path: str) -> tuple[bytes, dict[str, str]]:
    event = {
        "eventId": number, "subscriptionType": "deal.propertyChange", "propertyName": "dealstage",
        "propertyValue": "closedwon", "objectId": number, "occurredAt": 1_769_940_000_000 + number,
    }  # fmt: skip
    body = orjson.dumps([event])
    stamp = str(int(time.time() * 1000))
    # The command prints, and the service signs for, its own public address.
    signed = f"POST{PUBLIC}{path}".encode() + body + stamp.encode()
    made = signature_of(SECRET.encode(), signed, "sha256", "base64")
    return body, {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": stamp}


def pipedrive(number: int, _: str) -> tuple[bytes, dict[str, str]]:
    body = {
        "meta": {
            "action": "change", "entity": "deal", "version": "2.0", "id": f"u-{number}",
            "entity_id": number, "timestamp": "2026-02-01T10:00:00Z",
        },
        "data": {
            "id": number, "status": "won", "value": 1200.5, "currency": "EUR", "person_id": number,
        },
    }  # fmt: skip
    basic = b64encode(b"user:password").decode()
    return orjson.dumps(body), {"authorization": f"Basic {basic}"}


def postback(number: int, _: str) -> tuple[bytes, dict[str, str]]:
    return f"subid=X{number}&tid=T{number}&payout=5&status=sale&date=1769940000".encode(), {}


PUBLIC = "http://127.0.0.1:9"


def median_ms(
    client: httpx.Client, path: str, requests: list[tuple[bytes, dict[str, str]]]
) -> float:
    """Milliseconds of one request at the median, one after another over one connection."""
    taken = []
    for body, headers in requests:
        started = time.perf_counter()
        answer = client.post(path, content=body, headers=headers)
        taken.append(time.perf_counter() - started)
        assert answer.status_code in (200, 202), answer.text
    return statistics.median(taken[WARM:]) * 1000


def test_one_webhook(serve: Callable[..., Any], tmp_path: Path) -> None:
    served = serve(THROUGHLINE_BASE_URL=PUBLIC)
    paths = {
        "hubspot": hook(served, tmp_path, "hubspot", secret=SECRET),
        "pipedrive": hook(served, tmp_path, "pipedrive", user="user", password="password"),
        "postback": hook(served, tmp_path, "postback"),
    }
    makers = {"hubspot": hubspot, "pipedrive": pipedrive, "postback": postback}
    bearer = {"authorization": f"Bearer {served.key}"}
    native = [(orjson.dumps(event), bearer) for event in events(POSTS, 7)]
    found = {}
    with httpx.Client(base_url=served.url, timeout=30) as client:
        found["native"] = median_ms(client, "/v1/events", native)
        for kind, path in paths.items():
            found[kind] = median_ms(client, path, [makers[kind](n, path) for n in range(POSTS)])
        listed = client.get("/v1/sources", headers=bearer).json()["items"]
    report("One request at the median, ms", **found)
    outcomes = {s["name"]: s["outcomes"] for s in listed}
    for kind in paths:
        assert outcomes[kind] == {"accepted": POSTS}
