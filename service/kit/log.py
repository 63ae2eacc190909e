"""Structured logs, one JSON object a line on standard error; never a key, an e-mail or a body."""

import logging
import sys
from typing import Any, cast

import structlog

log: Any = cast(Any, structlog.get_logger())


def configure_log(level: str = "info") -> None:
    """Write JSON lines at `level` and above; call once, from a command, never at import."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
