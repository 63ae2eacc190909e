"""What real clients run in: Node, Chromium on a page of another site, a network that fails.

Each skips with a reason where the machine lacks it. Everything listens on loopback.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

CHROMIUM = Path("/usr/bin/chromium")
SECONDS = 60
_OWN_HEADERS = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}


def node_modules(*packages: str) -> str:
    """The folder of Node packages that holds all of these; skips where there is none."""
    named = os.environ.get("THROUGHLINE_TEST_NODE_MODULES")
    missing = [p for p in packages if not named or not (Path(named) / p).is_dir()]
    if not named or missing:
        pytest.skip(f"THROUGHLINE_TEST_NODE_MODULES names no folder with {' '.join(missing)}")
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return named


def run_node(script: str, *words: str, packages: Sequence[str]) -> str:
    """Run a CommonJS script, which finds the words in `process.argv.slice(1)`; what it printed.

    Fails where the script does.
    """
    environment = {**os.environ, "NODE_PATH": node_modules(*packages)}
    done = subprocess.run(
        ["node", "-e", script, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bundle(script: str, *packages: str) -> str:
    """A script that imports npm packages, as one file for browsers."""
    modules = node_modules("esbuild", *packages)
    done = subprocess.run(
        [
            str(Path(modules) / ".bin" / "esbuild"),
            *("--bundle", "--format=iife", "--platform=browser", "--log-level=error"),
            '--define:process.env.NODE_ENV="production"',
        ],
        input=script,
        env={**os.environ, "NODE_PATH": modules},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Listening:
    """A small server in a thread: its address, and the requests it saw as (method, path, body)."""

    url: str
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    answered: int = 0

    def posts(self) -> list[tuple[str, bytes]]:
        return [(path, body) for method, path, body in self.seen if method == "POST"]

    def wait_for_posts(self, count: int) -> list[tuple[str, bytes]]:
        """The POSTs, once so many were answered."""
        until = monotonic() + SECONDS
        while self.answered < count:
            assert monotonic() < until, self.seen
            sleep(0.05)
        return self.posts()


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def listening(
    answer: Callable[[BaseHTTPRequestHandler, bytes], Answer], host: str
) -> Iterator[Any]:
    """Serve until the block ends; `answer` gives status, headers and body of each request."""
    served: Listening

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            served.seen.append((self.command, self.path, body))
            status, headers, written = answer(self, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)
            served.answered += self.command == "POST"

        do_GET = do_POST = do_OPTIONS = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True  # a browser keeps its connections open

        def handle_error(self, *_: Any) -> None:
            return  # a client that went away in the middle

    server = Server(("127.0.0.1", 0), Handler)
    served = Listening(f"http://{host}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def pages(files: dict[str, str]) -> Iterator[Listening]:
    """A site of its own origin, `http://localhost:…`, that serves these texts by path; whatever else
    is asked for is an empty page. Paths that end in `.js` are scripts."""

    def answer(request: BaseHTTPRequestHandler, _: bytes) -> Answer:
        path = request.path.partition("?")[0]
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store"}
        return 200, headers, files.get(path, "<!doctype html><title>Empty</title>").encode()

    with listening(answer, "localhost") as served:
        yield served


def page_with(script: str, title: str = "Shop") -> dict[str, str]:
    """Files of a site whose home page runs the script."""
    head = f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>{title}</title>'
    return {"/": f'{head}<script src="/client.js"></script>', "/client.js": script}


@contextmanager
def failing_at_first(upstream: str, *failures: tuple[int, dict[str, str]]) -> Iterator[Listening]:
    """A proxy before `upstream` that answers the first POSTs with these failures, one each, and
    forwards the rest. A failure with status 0 is forwarded and its answer then lost: the client sees
    500 for what was stored."""
    left = list(failures)
    lock = threading.Lock()

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        failure = None
        if request.command == "POST":
            with lock:
                failure = left.pop(0) if left else None
        origin = {"Access-Control-Allow-Origin": request.headers.get("origin", "*")}
        if failure is not None and failure[0]:
            return failure[0], {**origin, **failure[1]}, b"injected failure"
        sent = {k: v for k, v in request.headers.items() if k.lower() not in _OWN_HEADERS}
        got = httpx.request(
            request.command, upstream + request.path, headers=sent, content=body, timeout=30
        )
        if failure is not None:
            return 500, {**origin, **failure[1]}, b"injected failure"
        own = _OWN_HEADERS | {"content-encoding"}
        headers = {k: v for k, v in got.headers.items() if k not in own}
        return got.status_code, headers, got.content

    with listening(answer, "127.0.0.1") as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser that obeys CORS. Mark the tests that use it `browser`."""
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visit(browser: Any, url: str, expected: str = "") -> Iterator[Any]:
    """A page of a fresh visitor, opened; fails where its scripts raised or its console complained
    of anything that does not hold the `expected` words."""
    context = browser.new_context(locale="en-US", user_agent=_AGENT)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    try:
        page.goto(url)
        yield page
    except Exception as error:
        error.add_note(f"the page's own errors: {wrong}")
        raise
    finally:
        context.close()
    assert [said for said in wrong if not expected or expected not in said] == []


# Headless Chromium says so in its own agent, and the service takes it for the robot that it is.
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36"
)
