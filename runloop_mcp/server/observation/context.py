"""What a log line belongs to: the request that is being carried out, and its run."""

import re
from contextvars import ContextVar
from typing import Final

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request over HTTP, or of the message."""

RUN_ID: ContextVar[str | None] = ContextVar("run_id", default=None)
"""The run that a request works on, where it names one."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def shown_id(given: object) -> str | None:
    """An id as a log may show it; None for what is none: callers choose it, and could write lines of their own."""
    text = str(given) if isinstance(given, (str, int)) else ""
    return text if _ID.fullmatch(text) else None
