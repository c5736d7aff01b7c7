"""Logs as JSON lines on standard error: codes and counts, never a personal value."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Send our own log, and the server's, to standard error."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The server's own tracebacks hold whatever a request held: only what it does is logged, not with what.
    logging.basicConfig(level=max(number, logging.WARNING), format='{"level": "%(levelname)s", "event": "%(name)s"}')
