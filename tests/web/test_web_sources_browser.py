"""The pages of the sources and the quarantine in Chromium: legible to machines, in both themes."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import sync_playwright

from service.kit.db import make_engine
from service.ledger.keys import create_key
from service.ledger.migrate import migrate
from service.main import create_app
from service.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<img src=x onerror=alert(1)>" + "W" * 60
PAGES = ("/sources", "/sources/quarantine", "/sources/quarantine/1")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[FastAPI, str]]:
    """A service with an item in its quarantine, and its address."""
    settings = Settings(
        _env_file=None, data_dir=tmp_path, secret="a secret of the tests, long enough."
    )
    engine = make_engine(settings.ledger_url)
    migrate(engine)
    key, _ = create_key(engine, HOSTILE, ["facts"], datetime.now(UTC))
    engine.dispose()
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    bad = {"id": HOSTILE, "type": "page", "page": {"url": HOSTILE}, "occurred_at": HOSTILE[:60]}
    httpx.post(f"{address}/v1/events", json=bad, headers={"authorization": f"Bearer {key}"})
    yield app, address
    server.should_exit = True
    thread.join()


def test_axe_finds_nothing(site: tuple[FastAPI, str]) -> None:
    app, address = site
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for scheme in ("light", "dark"):
            for width in (1280, 360):
                context = browser.new_context(
                    color_scheme=scheme,  # type: ignore[arg-type]
                    viewport={"width": width, "height": 800},
                )
                page = context.new_page()
                said: list[str] = []
                page.on("console", lambda message, said=said: said.append(message.text))
                page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
                page.goto(app.state.parts.signin.new_link(address, admin=True))
                page.click("main button")
                for path in PAGES:
                    page.goto(address + path)
                    found = Axe().run(page).response["violations"]
                    assert [(path, one["id"]) for one in found] == []
                    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert said == []
                context.close()
        browser.close()
