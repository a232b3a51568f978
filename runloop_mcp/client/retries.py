"""When a request is sent again, and after how long: what the server says of it, and what its status means."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CONFLICT: Final = 409
TOO_MANY: Final = 429
_RETRIED: Final = frozenset({408, CONFLICT, TOO_MANY, 500, 502, 503, 504})
_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 8.0
_LONGEST_ASKED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How hard a request is tried."""

    most_attempts: int = 6
    """How often it is sent in all, whatever fails."""
    patience_seconds: float = 60
    """No attempt begins after so long, for a request that is answered soon."""
    long_patience_seconds: float = 1200
    """Likewise, for a request that may take minutes."""
    conflict_patience_seconds: float = 5
    """Likewise, where something stands in the way that time will cure: a caller can judge better than we how long."""
    backoff_scale: float = 1
    """Multiplies the waits that the server did not ask for."""

    def wait(self, attempt: int) -> float:
        """Seconds before the attempt after this one, from 1: twice as long each time, and up to half as long less."""
        longest = min(_FIRST_SECONDS * 2.0 ** (attempt - 1), _LONGEST_SECONDS)
        return longest * random.uniform(0.5, 1) * self.backoff_scale  # noqa: S311 - spreads requests, keeps no secret


def may_retry(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a request that was answered with this status may be sent again: the server's word, else its meaning."""
    match headers.get("x-should-retry"):
        case "true":
            return True
        case "false":
            return False
        case _:
            return status in _RETRIED


def asked_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait before the next attempt, where it does.

    Dates are not read: Runloop sends numbers.
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return min(seconds, _LONGEST_ASKED_SECONDS)
    return None
