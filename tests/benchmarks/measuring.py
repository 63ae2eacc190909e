"""What the measurements share: a served process, a light load generator, a figure printed."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx


@dataclass
class Served:
    """A service in a process of its own, so that its processor time is its alone."""

    url: str
    key: str
    process: "subprocess.Popen[bytes]"

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 1024


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(served: Served, seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            answer = httpx.get(f"{served.url}/readyz", timeout=60)
            if answer.status_code == 200 and answer.json()["behind"] == 0:
                return
        except httpx.TransportError:
            pass
        assert served.process.poll() is None, "the service ended"
        time.sleep(0.1)
    raise AssertionError("the service did not become ready")


def load(served_url: str, path: str, key: str, bodies: Sequence[bytes], connections: int) -> float:
    """Post every body over so many keep-alive connections; seconds it took. Answers must be 2xx.

    Raw streams: a full HTTP client would use more processor time than the service under load.
    """
    host = urlsplit(served_url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    waiting = iter(bodies)

    async def post_all() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        for body in waiting:
            writer.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")), answer
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    async def everyone() -> None:
        await asyncio.gather(*(post_all() for _ in range(connections)))

    started = time.perf_counter()
    asyncio.run(everyone())
    return time.perf_counter() - started


def report(name: str, **figures: Any) -> None:
    """One line a figure, with the load of the machine, for docs/benchmarks.md."""
    shown = ", ".join(
        f"{k} {v:,.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()
    )
    sys.stdout.write(f"\n[bench] {name}: {shown} (load average {os.getloadavg()[0]:.1f})\n")
    sys.stdout.flush()
