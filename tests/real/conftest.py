"""A service that listens on a free loopback port, for clients that know nothing of us."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import uvicorn

from service.kit.db import make_engine
from service.ledger.keys import create_key
from service.ledger.migrate import migrate
from service.main import create_app
from service.settings import Settings
from tests.real.clients import chromium

__all__ = ["chromium"]


@dataclass(frozen=True)
class Running:
    """Its address, a key with every scope, a public one, and questions asked over HTTP."""

    url: str
    key: str
    public_key: str

    def ask(self, path: str, **params: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.get(f"{self.url}{path}", params=params, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def report(self, path: str, **params: str) -> dict[str, Any]:
        """The same of all that is in the ledger by now. Its watermark is no count of facts: one
        that was sent again leaves a gap."""
        until = monotonic() + 30
        while (state := httpx.get(f"{self.url}/readyz", timeout=30)).status_code != 200:
            assert monotonic() < until, state.text
            sleep(0.05)
        return self.ask(path, **params, min_watermark=str(state.json()["ledger_watermark"]))

    def post(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Post native events that happen now; gives the receipt."""
        now = datetime.now(UTC).isoformat()
        told = [{"occurred_at": now, **event} for event in events]
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx.post(f"{self.url}/v1/events", json=told, headers=headers, timeout=30)
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def outcomes(self) -> dict[str, int]:
        """What became of everything sent so far, by outcome, of all sources together."""
        counted: dict[str, int] = {}
        for source in self.ask("/v1/sources")["items"]:
            for outcome, count in source["outcomes"].items():
                counted[outcome] = counted.get(outcome, 0) + count
        return counted

    def wait_for(self, accepted: int) -> dict[str, int]:
        """The outcomes, once so many facts are accepted."""
        until = monotonic() + 30
        while (found := self.outcomes()).get("accepted", 0) < accepted:
            assert monotonic() < until, found
            sleep(0.05)
        return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings = Settings(data_dir=tmp_path, host="127.0.0.1", port=0)
    engine = make_engine(settings.ledger_url)
    migrate(engine)
    scopes = ["collect", "facts", "read", "people", "admin"]
    key, _ = create_key(engine, "client", scopes, datetime.now(UTC))
    public_key, _ = create_key(engine, "page", ["collect"], datetime.now(UTC))
    engine.dispose()
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Running(f"http://127.0.0.1:{port}", key, public_key)
    finally:
        server.should_exit = True
        thread.join()
