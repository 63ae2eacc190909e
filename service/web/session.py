"""Sign-in without passwords: a one-time link opens a session, a signed cookie carries it.

Invariant: a link opens at most one session, whatever the number of processes, and only inside
its 24 hours. Links are random 256-bit tokens of which only the SHA-256 is kept, so whoever reads
the store cannot sign in with it.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

_LINKS = ("link", "admin-link")  # of readers, of administrators
LINK_LIFETIME = timedelta(hours=24)
SESSION_LIFETIME = timedelta(days=14)


class SignInStore(Protocol):
    """Where unspent links and closed sessions are remembered, by hash."""

    def put(self, name: str, until: datetime) -> None:
        """Remember a name until a moment."""

    def take(self, name: str, now: datetime) -> bool:
        """Forget a name; True for exactly one caller, and only before its moment."""

    def holds(self, name: str, now: datetime) -> bool:
        """Whether the name is remembered and its moment has not come."""


class MemoryStore:
    """For one process; a restart forgets the links, which is safe."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def put(self, name: str, until: datetime) -> None:
        with self._lock:
            self._until[name] = until

    def take(self, name: str, now: datetime) -> bool:
        with self._lock:
            until = self._until.pop(name, None)
        return until is not None and now < until

    def holds(self, name: str, now: datetime) -> bool:
        until = self._until.get(name)
        return until is not None and now < until


class FolderStore:
    """For several processes and the command line: one small file per name.

    Deleting a file succeeds for one process only, which is what makes a link single-use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, until: datetime) -> None:
        self._sweep(until - SESSION_LIFETIME - LINK_LIFETIME)
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(until.isoformat(), encoding="ascii")

    def take(self, name: str, now: datetime) -> bool:
        fresh = self.holds(name, now)
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return fresh

    def holds(self, name: str, now: datetime) -> bool:
        until = self._read(self._folder / name)
        return until is not None and now < until

    def _read(self, path: Path) -> datetime | None:
        try:
            return datetime.fromisoformat(path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def _sweep(self, before: datetime) -> None:
        for path in self._folder.iterdir():
            until = self._read(path)
            if until is not None and until < before:
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Session:
    """A signed-in browser; both moments are aware UTC. `admin`: it may also mend the
    quarantine and publish rules."""

    id: str
    opened_at: datetime
    closes_at: datetime
    admin: bool = False


class SignIn:
    """Makes one-time links, opens sessions with them, and recognises the sessions later.

    Args:
        secret: at least 16 bytes, the same for all processes; changing it signs everybody out.
        clock: gives the present as an aware datetime.
        store: where links and closed sessions live; `MemoryStore` unless given.
    """

    def __init__(
        self, secret: bytes, clock: Callable[[], datetime], store: SignInStore | None = None
    ) -> None:
        if len(secret) < 16:
            raise ValueError("the signing secret must have at least 16 bytes")
        self._serializer = URLSafeSerializer(secret, salt="throughline.session")
        self._clock = clock
        self._store = MemoryStore() if store is None else store

    def new_link(self, base_url: str, admin: bool = False) -> str:
        """An address that signs one browser in, once, within 24 hours; `admin`: as an
        administrator."""
        token = secrets.token_urlsafe(32)
        self._store.put(_name(_LINKS[admin], token), self._clock() + LINK_LIFETIME)
        return f"{base_url.rstrip('/')}/sign-in?token={token}"

    def open(self, token: str) -> Session | None:
        """Spend a link's token; None when it is unknown, spent or too old."""
        now = self._clock()
        for admin, kind in enumerate(_LINKS):
            if self._store.take(_name(kind, token), now):
                return Session(secrets.token_urlsafe(16), now, now + SESSION_LIFETIME, bool(admin))
        return None

    def is_open(self, token: str) -> bool:
        """Whether the link could still be spent; does not spend it."""
        now = self._clock()
        return any(self._store.holds(_name(kind, token), now) for kind in _LINKS)

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None when forged, expired or signed out."""
        try:
            identity, opened_at, closes_at, *grade = self._serializer.loads(cookie)
            session = Session(
                str(identity),
                datetime.fromisoformat(str(opened_at)),
                datetime.fromisoformat(str(closes_at)),
                grade == [True],
            )
        except (BadSignature, ValueError, TypeError):
            return None
        now = self._clock()
        if now >= session.closes_at or self._store.holds(_name("closed", session.id), now):
            return None
        return session

    def write(self, session: Session) -> str:
        """The signed cookie of a session."""
        return self._serializer.dumps(
            [
                session.id,
                session.opened_at.isoformat(),
                session.closes_at.isoformat(),
                session.admin,
            ]
        ).__str__()

    def close(self, session: Session) -> None:
        """Sign out: the cookie stops working at once, also where it was copied to."""
        self._store.put(_name("closed", session.id), session.closes_at)


def _name(kind: str, value: str) -> str:
    return f"{kind}-{hashlib.sha256(value.encode()).hexdigest()}"


def is_https(request: Request) -> bool:
    """Whether the browser speaks TLS to us, directly or to the proxy named in base_url."""
    base_url = str(request.app.state.parts.settings.base_url or "")
    return request.url.scheme == "https" or base_url.startswith("https://")


def cookie_name(request: Request) -> str:
    """`__Host-` binds the cookie to this host and to TLS; browsers refuse it over plain http."""
    return "__Host-throughline" if is_https(request) else "throughline"


def session_of(request: Request) -> Session | None:
    """The dashboard session of a request, for pages and for reads of the API; None without one."""
    cookie = request.cookies.get(cookie_name(request))
    signin: SignIn = request.app.state.parts.signin
    return signin.read(cookie) if cookie else None


def set_session(request: Request, response: Response, session: Session) -> None:
    """Give the browser the session cookie."""
    signin: SignIn = request.app.state.parts.signin
    response.set_cookie(
        cookie_name(request),
        signin.write(session),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )


def clear_session(request: Request, response: Response) -> None:
    """Take the session cookie back."""
    response.delete_cookie(
        cookie_name(request), path="/", httponly=True, samesite="lax", secure=is_https(request)
    )


def is_same_origin(request: Request) -> bool:
    """Whether a page of ours sent this request, judged by Sec-Fetch-Site, else by Origin.

    A request that carries neither header is refused: every browser sends one of them with a form.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    if origin.scheme not in ("http", "https"):
        return False
    own = {request.headers.get("host", "")}
    base_url = str(request.app.state.parts.settings.base_url or "")
    if base_url:
        own.add(urlsplit(base_url).netloc)
    return origin.netloc in own
