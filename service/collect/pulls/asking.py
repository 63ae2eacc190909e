"""Requests to platforms: tried again where that helps, and their refusals in one form.

Nothing that a platform answers is trusted: sizes are bounded, broken JSON is an error like any
other, and what is told of an error holds none of the secrets.
"""

import json
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import stamina

from service.kit.outbound import AddressRefused, AnswerTooLarge

ATTEMPTS = 4
WAIT_SECONDS = 60.0
"""Longest wait within a run; who asks for more is asked again by the next run."""

SHOWN = 300
MAX_BYTES = 64 * 2**20
MAX_SECONDS = 120.0


class PullError(Exception):
    """Why a run failed.

    `code`: `credentials`, `quota`, `unreachable`, `platform_error`, `unreadable`, `request`,
    `too_much` (ask for fewer days), `currency` or `unexpected`. `again`: whether the same request
    may succeed soon; `retry_after`: seconds that the platform asked to wait.
    """

    def __init__(
        self, code: str, detail: str, *, again: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.again, self.retry_after = again, retry_after


Explain = Callable[[httpx.Response], PullError | None]
"""What is wrong with an answer, in the platform's own words; None where it does not say."""


def retry_or_wait(error: Exception) -> bool | float:
    """stamina's question: try again, and after how many seconds."""
    if not isinstance(error, PullError) or not error.again:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= WAIT_SECONDS else False


class Asker:
    """Asks one platform during one run."""

    def __init__(
        self, client: httpx.Client, secrets: Sequence[str], wait: Callable[[float], None]
    ) -> None:
        """`wait` is called with the seconds until a report may be ready."""
        self._client = client
        self._secrets = [secret for secret in secrets if secret]
        self.wait = wait

    def hide(self, secret: str) -> str:
        """Remember a secret got during the run; returns it."""
        self._secrets.append(secret)
        return secret

    def ask(
        self,
        method: str,
        url: str,
        explain: Explain | None = None,
        **request: Any,
    ) -> httpx.Response:
        """A good answer: status 2xx and nothing that `explain` objects to. Raises PullError."""
        for attempt in self._attempts():
            with attempt:
                response = self._send(method, url, request)
                if problem := (explain and explain(response)) or _problem_of(response):
                    raise self._without_secrets(problem)
        return response

    def ask_json(
        self, method: str, url: str, explain: Explain | None = None, **request: Any
    ) -> Any:
        """The JSON of a good answer. Raises PullError."""
        for attempt in self._attempts():
            with attempt:
                response = self._send(method, url, request)
                if problem := (explain and explain(response)) or _problem_of(response):
                    raise self._without_secrets(problem)
                found = json_of(response)
                if found is None:
                    raise PullError("unreadable", "the answer is not JSON", again=True)
        return found

    def _attempts(self) -> Any:
        return stamina.retry_context(
            on=retry_or_wait,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=1.0,
            wait_max=30.0,
            wait_jitter=2.0,
        )

    def _send(self, method: str, url: str, request: dict[str, Any]) -> httpx.Response:
        try:
            return self._client.request(method, url, **request)
        except AddressRefused as error:
            raise PullError("request", f"the address is refused: {error}") from error
        except AnswerTooLarge as error:
            raise PullError("too_much", "the answer is too large") from error
        except httpx.HTTPError as error:
            problem = PullError("unreachable", f"{type(error).__name__}: {error}", again=True)
            raise self._without_secrets(problem) from None
        except httpx.InvalidURL as error:
            raise PullError("request", f"the address is none: {error}") from None

    def _without_secrets(self, problem: PullError) -> PullError:
        detail = problem.detail[: SHOWN * 2]
        for secret in self._secrets:
            detail = detail.replace(secret, "…")
        return PullError(
            problem.code, detail[:SHOWN], again=problem.again, retry_after=problem.retry_after
        )


def json_of(response: httpx.Response) -> Any:
    """The answer's JSON, None where it is none."""
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of the header Retry-After, in either of its forms."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        sent = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, (until - sent).total_seconds())


def _problem_of(response: httpx.Response) -> PullError | None:
    """What the status alone says."""
    status = response.status_code
    if response.is_success:
        return None
    detail = f"HTTP {status}: {response.text[:SHOWN]}"
    if status == 429:
        return PullError("quota", detail, again=True, retry_after=retry_after(response))
    if status >= 500:
        return PullError("platform_error", detail, again=True, retry_after=retry_after(response))
    if status in (401, 403):
        return PullError("credentials", detail)
    return PullError("request", detail)


def access_token(
    asker: Asker, url: str, client_id: str, client_secret: str, refresh_token: str, scope: str = ""
) -> str:
    """An access token for a refresh token (RFC 6749, section 6). Raises PullError."""
    form = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "refresh_token": refresh_token,
        **({"client_secret": client_secret} if client_secret else {}),
        **({"scope": scope} if scope else {}),
    }
    answer = asker.ask_json("POST", url, _refused_grant, data=form)
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise PullError("unreadable", "the answer holds no access token")
    return asker.hide(token)


def _refused_grant(response: httpx.Response) -> PullError | None:
    found = json_of(response)
    if response.status_code >= 500 or not isinstance(found, dict) or "error" not in found:
        return None
    why = f"{found['error']}: {found.get('error_description', '')}"
    return PullError("credentials", f"the refresh token is not taken: {why}")
