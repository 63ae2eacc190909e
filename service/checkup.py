"""What `throughline doctor` looks at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from service.journeys.build import Configuration
from service.kit.db import is_sqlite, make_engine, reading
from service.ledger.counting import ENDED
from service.ledger.intake import list_sources
from service.ledger.migrate import is_current
from service.ledger.pulls import list_pulls
from service.ledger.read import last_seq
from service.settings import Settings


@dataclass(frozen=True)
class Check:
    """One finding; `advice` says what to do, or how things stand."""

    name: str
    good: bool
    advice: str


def checkup(settings: Settings) -> Iterator[Check]:
    """Look at the ledger, its durability, the mart and what was refused."""
    file = make_url(settings.ledger_url).database if is_sqlite(settings.ledger_url) else None
    if file and not Path(file).exists():
        yield Check("ledger", True, "none yet; throughline serve or throughline migrate makes it")
        return
    engine = make_engine(settings.ledger_url)
    try:
        current = is_current(engine)
    except SQLAlchemyError as error:
        yield Check("ledger", False, f"cannot be reached: {type(error).__name__}")
        return
    advice = "of this version" if current else "of another version; run throughline migrate"
    yield Check("ledger tables", current, advice)
    if not current:
        return
    yield _durability(engine, settings)
    yield _secret(settings)
    yield _mart(engine, settings)
    sources = list_sources(engine, datetime.now(UTC))
    refused = {
        code: sum(s["outcomes"].get(code, 0) for s in sources)
        for code in sorted({c for s in sources for c in s["outcomes"]})
        if code not in ENDED
    }
    yield _pulls(engine)
    shown = ", ".join(f"{count:,} {code}" for code, count in refused.items()) or "nothing refused"
    yield Check("quarantine", True, shown)


def _pulls(engine: Engine) -> Check:
    pulls = list_pulls(engine)
    failing = [f"{p['source']}: {p['last_error']}" for p in pulls if p["state"] == "failing"]
    return Check(
        "spend pulls", not failing, "; ".join(failing) or f"{len(pulls)} known, none fails"
    )


def _durability(engine: Engine, settings: Settings) -> Check:
    with reading(engine).connect() as connection:
        if is_sqlite(settings.ledger_url):
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            good = (mode, level) == ("wal", 2)
            return Check(
                "durability", good, f"journal_mode {mode}, synchronous {level} (2 is FULL)"
            )
        off = [
            name
            for name in ("fsync", "synchronous_commit", "full_page_writes")
            if connection.exec_driver_sql(f"SHOW {name}").scalar() == "off"
        ]
    return Check(
        "durability", not off, f"turn on {', '.join(off)}" if off else "commits are on disk"
    )


def _secret(settings: Settings) -> Check:
    if settings.secret:
        return Check("secret", True, "from the environment")
    path = settings.data_dir / "secret"
    if not path.exists():
        return Check("secret", True, "is made at the first start")
    private = path.stat().st_mode & 0o077 == 0
    advice = (
        "in the data folder; back it up"
        if private
        else f"others may read it; chmod 600 {path.name}"
    )
    return Check("secret", private, advice)


def _mart(engine: Engine, settings: Settings) -> Check:
    newest = last_seq(engine)
    if not settings.mart_file.exists():
        return Check("mart", True, "is made when the service starts")
    try:
        with duckdb.connect(str(settings.mart_file), read_only=True) as mart:
            watermark, version = mart.execute(
                "SELECT watermark, configuration FROM state"
            ).fetchall()[0]
    except duckdb.IOException:
        return Check("mart", True, "is open in a running service; see its /readyz")
    except duckdb.Error as error:
        return Check(
            "mart", False, f"cannot be read ({type(error).__name__}); run throughline rebuild"
        )
    current = Configuration(
        settings.own_host_set,
        settings.visit_gap,
        settings.shared_identifier_limit,
        settings.timezone,
    ).version
    if version != current:
        return Check("mart", True, "of another configuration; it is made anew at the next start")
    return Check("mart", True, f"at watermark {watermark} of {newest}")
