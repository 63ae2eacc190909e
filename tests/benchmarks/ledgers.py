"""A ledger of so many page views in the data folder, made straight in SQLite: collecting ten
million events over HTTP is another benchmark."""

import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from service.kit.db import make_engine
from service.ledger.keys import ensure_source_id
from service.ledger.migrate import migrate
from service.settings import Settings

YEAR_START = 1_735_689_600_000_000  # 2025-01-01T00:00Z in microseconds
YEAR = 365 * 86_400_000_000
COLUMNS = "source_id, fact_id, type, occurred_at, received_at, payload"
CAMPAIGNS = (("cpc", "google"), ("email", "news"), ("social", "facebook"))
REFERRERS = ("https://www.google.com/", "https://t.co/", "")
Row = tuple[int, str, str, int, int, str]


def make_ledger(folder: Path, page_views: int, buyers: float = 0.05, touches: int = 2) -> Path:
    """`page_views` facts of a year: visitors with about `touches` visits of about three pages, a
    share of whom buys once at the end."""
    settings = Settings(data_dir=folder)
    engine = make_engine(settings.ledger_url)
    migrate(engine)
    from datetime import UTC, datetime

    source = ensure_source_id(engine, "website", datetime.now(UTC))
    engine.dispose()
    database = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    database.execute("BEGIN")
    database.executemany(
        f"INSERT INTO facts ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        _facts(page_views, buyers, touches, source),
    )
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return folder / "ledger.sqlite3"


def _facts(page_views: int, buyers: float, touches: int, source: int) -> Iterator[Row]:
    pick = random.Random(1)
    made = 0
    visitor = 0
    while made < page_views:
        visitor += 1
        name = f"{pick.getrandbits(128):032x}"
        identity = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
        people = f'["anonymous_id:{identity}"]'
        at = YEAR_START + int(pick.random() * YEAR * 0.9)
        for _ in range(pick.randint(1, 2 * touches - 1)):
            at += int(pick.expovariate(1 / (2 * 86_400_000_000)))
            for place in range(pick.randint(1, 5)):
                at += int(pick.random() * 120_000_000)
                yield _page_view(pick, source, at, people, place == 0)
                made += 1
        if pick.random() < buyers:
            at += 60_000_000
            order = (
                f'{{"identifiers":{people},"order":{{"amount_minor":{pick.randrange(1000, 50000)},'
                f'"currency":"EUR","id":"o{visitor}","status":"completed"}}}}'
            )
            yield (source, f"o{visitor}", "order", at, at, order)


def _page_view(pick: random.Random, source: int, at: int, people: str, entry: bool) -> Row:
    product = pick.randrange(5000)
    touch, query, referrer = "", "", "https://www.example.com/"
    if entry:
        referrer = pick.choice(REFERRERS)
        if pick.random() < 0.45:
            medium, name = pick.choice(CAMPAIGNS)
            campaign = f"campaign-{pick.randrange(24)}"
            touch = f',"touch":{{"campaign":"{campaign}","medium":"{medium}","source":"{name}"}}'
            query = f"?utm_source={name}&utm_medium={medium}&utm_campaign={campaign}"
    payload = (
        f'{{"identifiers":{people},"page":{{"referrer":"{referrer}","title":"Product {product}",'
        f'"url":"https://www.example.com/products/item-{product}{query}"}}{touch}}}'
    )
    fact = f"{pick.getrandbits(128):032x}"
    return (
        source,
        f"{fact[:8]}-{fact[8:12]}-{fact[12:16]}-{fact[16:20]}-{fact[20:]}",
        "page",
        at,
        at,
        payload,
    )


def seconds_of(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - started
