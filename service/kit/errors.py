"""Every error the service raises on purpose.

ThroughlineError
├── Refusal                 422  a value that cannot be accepted: code, field, what to do
├── BadRequest              400  the request as a whole cannot be read
│   └── TooLarge            413
├── Unauthenticated         401
├── Forbidden               403
├── NotFound                404
├── Conflict                409
├── Unavailable             503  try again after `retry_after` seconds
│   └── Overloaded          503
└── ReconciliationError     500  a report that does not add up is raised, never served

`api/errors.py` turns each into problem+json (RFC 9457). `code` is stable; `detail` says what is
wrong and what to do about it.
"""

from typing import ClassVar


class ThroughlineError(Exception):
    """Base of the tree; `status` is the HTTP status of its answer."""

    status: ClassVar[int] = 500
    code: str = "internal"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Refusal(ThroughlineError):
    """One value that cannot be accepted; `field` is its path, such as `deal.amount`."""

    status = 422

    def __init__(self, code: str, field: str, detail: str) -> None:
        super().__init__(code, detail)
        self.field = field


class BadRequest(ThroughlineError):
    status = 400


class TooLarge(BadRequest):
    status = 413


class Unauthenticated(ThroughlineError):
    status = 401


class Forbidden(ThroughlineError):
    status = 403


class NotFound(ThroughlineError):
    status = 404


class Conflict(ThroughlineError):
    status = 409


class Unavailable(ThroughlineError):
    """The service cannot answer now; `retry_after` is in whole seconds."""

    status = 503

    def __init__(self, code: str, detail: str, retry_after: int = 1) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """The intake queue is full."""


class ReconciliationError(ThroughlineError):
    """Parts that do not add up to their total."""
