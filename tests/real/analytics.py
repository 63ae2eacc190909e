"""What tests of web analytics clients share: a public key, and what became of a visit."""

import subprocess
import sys
from typing import Any

import httpx

QUERY = "?utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid=abc"
LANDING = f"https://shop.example.com/{QUERY}"
FAILURES = ((429, {"Retry-After": "1"}), (500, {}), (0, {}))
"""Refused for now, broken, stored with the answer lost."""

FAILURE_NAMES = ("429", "500", "stored, answer lost")


def public_key(running: Any) -> str:
    """A key for public places, of a source of its own."""
    answer = httpx.post(
        f"{running.url}/v1/keys",
        json={"name": "page", "scopes": ["collect"]},
        headers={"Authorization": f"Bearer {running.key}"},
    )
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def run_python(script: str, *words: str) -> str:
    """Run a script with this installation's packages; fails where it does."""
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def channels(running: Any) -> dict[str, tuple[int, int, float]]:
    """Visits, orders and revenue by channel, once the facts are in."""
    roi = running.report("/v1/roi", model="first_touch")
    return {row["channel"]: (row["visits"], row["won"], row["revenue"]) for row in roi["rows"]}


def kinds(journey: Any) -> list[str]:
    return [identifier["kind"] for identifier in journey["identifiers"]]
