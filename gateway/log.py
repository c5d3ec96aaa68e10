"""Logging: JSON lines in production, colours on a terminal; never audio, secrets or whole phone numbers."""

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal

import structlog

from gateway.log_redaction import Redaction

CHATTY = ("uvicorn", "websockets", "asyncio", "aiohttp", "urllib3")
"""Loggers of libraries, of which no more than warnings is wanted."""
MAX_VALUE = 500
"""Characters of any one value."""


def configure_logging(level: str, form: Literal["console", "json"], secrets: Iterable[str] = ()) -> None:
    """Send everything, the libraries' logging included, to standard error in one form, without these ``secrets``."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _one_line,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
                Redaction(secrets),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def masked(number: str) -> str:
    """A phone number of which only the last four characters are shown."""
    return f"…{number[-4:]}" if len(number) > 4 else "…"


def _one_line(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what peers and callers wrote from breaking, colouring or flooding the log."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value[:MAX_VALUE])
            event[key] = shown + "…" if len(value) > MAX_VALUE else shown
    return event
