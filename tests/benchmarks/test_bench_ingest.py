"""How many events a second one process takes, durably, beside the least that could do it."""

import random
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.benchmarks.measuring import free_port, load, report

pytestmark = pytest.mark.bench

SINGLES = 8_000
BATCHES = 1_000

BARE = """
import sqlite3, sys
from fastapi import FastAPI, Request
import uvicorn
app = FastAPI()
db = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE facts (seq INTEGER PRIMARY KEY, body TEXT)")
@app.post("/")
async def post(request: Request):
    db.execute("INSERT INTO facts (body) VALUES (?)", ((await request.body()).decode(),))
    return {}
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def events(count: int, seed: int) -> list[dict[str, Any]]:
    pick = random.Random(seed)
    return [
        {
            "id": str(uuid.UUID(int=pick.getrandbits(128))),
            "type": "page",
            "occurred_at": "2026-11-01T10:00:00Z",
            "identifiers": {"anonymous_id": str(uuid.UUID(int=pick.getrandbits(128)))},
            "page": {
                "url": f"https://www.example.com/products/{pick.randrange(5000)}?utm_source=google&utm_medium=cpc",
                "referrer": "https://www.google.com/",
                "title": "Product page",
            },
        }
        for _ in range(count)
    ]


def measure(serve: Callable[..., Any], name: str, **environment: str) -> dict[str, float]:
    served = serve(**environment)
    singles = [orjson.dumps(e) for e in events(SINGLES, 1)]
    load(served.url, "/v1/events", served.key, singles[:500], 8)
    before = served.cpu_seconds()
    seconds = load(served.url, "/v1/events", served.key, singles[500:], 8)
    cpu = served.cpu_seconds() - before
    single_rate = (SINGLES - 500) / seconds
    report(
        f"{name}, single posts, 8 connections",
        events_per_second=single_rate,
        cpu_seconds_per_1000=cpu / (SINGLES - 500) * 1000,
    )
    many = events(100 * BATCHES, 2)
    bodies = [orjson.dumps(many[i : i + 100]) for i in range(0, len(many), 100)]
    before = served.cpu_seconds()
    seconds = load(served.url, "/v1/events", served.key, bodies, 4)
    rate = 100 * BATCHES / seconds
    report(
        f"{name}, batches of 100, 4 connections",
        events_per_second=rate,
        cpu_seconds_per_1000=(served.cpu_seconds() - before) / (100 * BATCHES) * 1000,
    )
    return {"single": single_rate, "batch": rate}


SERVER = {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}}
BROWSER = {
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36",
    "locale": "en-US",
    "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
    "campaign": {"source": "google", "medium": "cpc"},
    "timezone": "Europe/Berlin",
}


def segment_batches(count: int, size: int, seed: int, browser: bool = False) -> list[bytes]:
    """The same pages as Segment's SDKs send them; a browser's say twice as much of each."""
    messages = [
        {
            "timestamp": event["occurred_at"],
            "integrations": {},
            "type": "page",
            "properties": event["page"],
            "context": {**BROWSER, "page": event["page"]} if browser else SERVER,
            "anonymousId": event["identifiers"]["anonymous_id"],
            "messageId": event["id"],
            "_metadata": {"nodeVersion": "v20.20.2", "jsRuntime": "node"},
        }
        for event in events(count, seed)
    ]
    return [
        orjson.dumps({"batch": messages[i : i + size], "sentAt": "2026-11-01T10:00:01Z"})
        for i in range(0, len(messages), size)
    ]


def test_segment_beside_native(serve: Callable[..., Any]) -> None:
    """Batches of 100 in turn, so that a busy machine slows all alike. So many come from servers;
    browsers send one message at a time, or ten."""
    served = serve()
    many = events(100 * BATCHES, 5)
    sent = {
        "native": [orjson.dumps(many[i : i + 100]) for i in range(0, len(many), 100)],
        "Segment, server": segment_batches(100 * BATCHES, 100, 6),
        "Segment, browser": segment_batches(100 * BATCHES, 100, 7, browser=True),
    }
    seconds, cpu = dict.fromkeys(sent, 0.0), dict.fromkeys(sent, 0.0)
    step = BATCHES // 20
    for start in range(0, BATCHES, step):
        for name, bodies in sent.items():
            path = "/v1/events" if name == "native" else "/v1/batch"
            before = served.cpu_seconds()
            part = bodies[start : start + step]
            seconds[name] += load(served.url, path, served.key, part, 4)
            cpu[name] += served.cpu_seconds() - before
    for name, took in seconds.items():
        report(
            f"SQLite FULL, {name}, batches of 100, 4 connections",
            events_per_second=100 * BATCHES / took,
            cpu_seconds_per_1000=cpu[name] / (100 * BATCHES) * 1000,
            rate_beside_native=seconds["native"] / took,
        )


def test_ingest_sqlite(serve: Callable[..., Any], tmp_path: Path) -> None:
    bare = bare_endpoint(tmp_path)
    writer = bare_writer(tmp_path)
    found = measure(serve, "SQLite FULL")
    report(
        "SQLite ratios",
        single_to_bare_endpoint=found["single"] / bare,
        batch_to_bare_writer=found["batch"] / writer,
    )
    assert found["batch"] > 0


def test_ingest_postgres(serve: Callable[..., Any], start_postgres: Callable[..., Any]) -> None:
    cluster = start_postgres(durable=True)
    writer = bare_postgres_writer(cluster)
    found = measure(
        serve, "PostgreSQL", THROUGHLINE_DATABASE_URL=cluster.url(cluster.fresh_database())
    )
    report("PostgreSQL ratios", batch_to_bare_writer=found["batch"] / writer)
    assert found["batch"] > 0


def bare_endpoint(folder: Path) -> float:
    """Events per second of a FastAPI endpoint that does one insert, each its own transaction."""
    port = free_port()
    words = [sys.executable, "-c", BARE, str(folder / "bare.sqlite3"), str(port)]
    process = subprocess.Popen(words)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                httpx.post(f"http://127.0.0.1:{port}/", content=b"{}")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        bodies = [orjson.dumps(e) for e in events(3000, 3)]
        rate = 3000 / load(f"http://127.0.0.1:{port}", "/", "none", bodies, 8)
    finally:
        process.terminate()
        process.wait(30)
    report(
        "bare FastAPI endpoint with one insert, SQLite FULL, 8 connections", events_per_second=rate
    )
    return rate


COLUMNS = "source_id, fact_id, type, occurred_at, received_at, payload, subject"


def rows_of(count: int) -> list[tuple[Any, ...]]:
    return [
        (
            1,
            e["id"],
            "page",
            1,
            1,
            orjson.dumps({k: e[k] for k in ("identifiers", "page")}).decode(),
            None,
        )
        for e in events(count, 4)
    ]


def bare_writer(folder: Path) -> float:
    """Rows per second of a loop that inserts the same rows into the same table, 100 a commit."""
    db = sqlite3.connect(folder / "writer.sqlite3", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(
        f"CREATE TABLE facts (seq INTEGER PRIMARY KEY AUTOINCREMENT, {COLUMNS}, UNIQUE (source_id, fact_id))"
    )
    rows = rows_of(100 * BATCHES)
    started = time.perf_counter()
    for start in range(0, len(rows), 100):
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            f"INSERT INTO facts ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows[start : start + 100]
        )
        db.execute("COMMIT")
    rate = len(rows) / (time.perf_counter() - started)
    db.close()
    report("bare SQLite writer, the same inserts, FULL, 100 a commit", rows_per_second=rate)
    return rate


def bare_postgres_writer(cluster: Any) -> float:
    """Rows per second of psycopg's executemany into the same table, 100 a commit."""
    import psycopg

    url = cluster.url(cluster.fresh_database()).replace("postgresql+psycopg", "postgresql")
    rows = rows_of(20_000)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "CREATE TABLE facts (seq BIGSERIAL PRIMARY KEY, source_id INT, fact_id TEXT, type TEXT, "
            "occurred_at BIGINT, received_at BIGINT, payload TEXT, subject TEXT, UNIQUE (source_id, fact_id))"
        )
        started = time.perf_counter()
        for start in range(0, len(rows), 100):
            with db.transaction(), db.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO facts ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    rows[start : start + 100],
                )
        rate = len(rows) / (time.perf_counter() - started)
    report("bare PostgreSQL writer, the same inserts, 100 a commit", rows_per_second=rate)
    return rate
