"""What a server writes to standard error: one line for each event, as text or as JSON, without secrets."""

import json
import logging
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from runloop_mcp.server.observation.context import REQUEST_ID, RUN_ID

FORMAT_VARIABLE: Final = "RUNLOOP_MCP_LOG_FORMAT"
LEVEL_VARIABLE: Final = "RUNLOOP_MCP_LOG_LEVEL"

OURS: Final = "runloop_mcp"

_SECRET_VARIABLES: Final = re.compile(r"RUNLOOP_API_KEY|RUNLOOP_MCP_SECRET_\w+|OTEL_\w*HEADERS")

_SECRETS: Final = re.compile(
    r"""(?ix) (?<= bearer[ ]) [^\s"',;]+        # whatever is sent as a key
    | \b rl[a-z]{2,8} _ [a-z0-9_.-]{16,}          # keys and tokens of ours
    | \b ak_ [a-z0-9_-]{12,}                      # keys of Runloop's API
    | \b eyj [a-z0-9_-]{8,} (?: \. [a-z0-9_-]+ ){1,2}  # tokens of OAuth
    | (?<= token=) [^\s&"']+                      # signed addresses
    """
)

_SHORTEST_SECRET = 6
"""Values that are shorter would be found in every other word."""


class Scrubber:
    """Takes secrets out of what is logged.

    Args:
        values: Secrets that look like nothing in particular.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def scrubbed(self, text: str) -> str:
        """A text without secrets."""
        text = self._known.sub("…", text) if self._known is not None else text
        return _SECRETS.sub("…", text)


class _Lines(logging.Formatter):
    """One line for each event; what it needs of the record is worked out once."""

    def __init__(self, scrubber: Scrubber) -> None:
        super().__init__()
        self._scrubber = scrubber

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        """What is told of an event."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._scrubber.scrubbed(record.getMessage()),
        }
        ids = {"request_id": REQUEST_ID.get(), "run_id": RUN_ID.get()}
        told |= {name: value for name, value in ids.items() if value is not None}
        if record.exc_info:
            told["error"] = self._scrubber.scrubbed(self.formatException(record.exc_info))
        return told


class JsonLines(_Lines):
    """Events as objects of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(self.fields(record), ensure_ascii=True)


class TextLines(_Lines):
    """Events as people read them."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and what is known of an error below it."""
        told = self.fields(record)
        ids = " ".join(f"{name}={told[name]}" for name in ("request_id", "run_id") if name in told)
        line = f"{told['time']} {told['level'].upper()} {told['logger']}: {told['message']}"
        line = f"{line} [{ids}]" if ids else line
        # Whoever chose a part of the message must not be able to write lines that look like ours.
        line = line.replace("\r", "\\r").replace("\n", "\n  ")
        return f"{line}\n  {told['error'].replace(chr(10), chr(10) + '  ')}" if "error" in told else line


def begin_logging(log_format: str | None, log_level: str | None) -> None:
    """Has the process log as told; where an argument is None, as the environment says.

    Reads the environment itself: settings take longer to read than a client is to wait. What is not valid counts as not
    given here, and is refused when they are read.
    """
    chosen = log_format or os.environ.get(FORMAT_VARIABLE) or "text"
    named = (log_level or os.environ.get(LEVEL_VARIABLE) or "warning").upper()
    level = logging.getLevelNamesMapping().get(named, logging.WARNING)
    scrubber = Scrubber(value for name, value in os.environ.items() if _SECRET_VARIABLES.fullmatch(name))
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(scrubber) if chosen == "json" else TextLines(scrubber))
    # What others log at DEBUG holds whole messages, with whatever their senders put into them.
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(level)


def logs_json() -> bool:
    """Whether what is said on standard error is JSON."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)


def fail(message: str) -> None:
    """Writes why the process ends."""
    logging.getLogger(OURS).critical("%s", message)


def announce(message: str) -> None:
    """Writes a line that is shown whatever the level is."""
    logger = logging.getLogger(OURS)
    logger.handle(logger.makeRecord(OURS, logging.INFO, __file__, 0, message, (), None))
