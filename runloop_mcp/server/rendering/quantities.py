"""Numbers as people read them: spans of time, amounts of bytes, budgets, scores."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from runloop_mcp.api.models.devbox import QueuePlace
from runloop_mcp.api.models.run import Budget


def span(seconds: float) -> str:
    """A span of time, as in "8 ms", "0.42 s", "3 min 20 s" or "1 h 5 min"."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def amount(count: int, noun: str) -> str:
    """A count with its noun, as in "1 byte", "2,048 bytes" or "2 devboxes"."""
    plural = "es" if noun.endswith("x") else "s"
    return f"{count:,} {noun}" + ("" if count == 1 else plural)


def budget_line(budget: Budget | Mapping[str, int | None] | None) -> str:
    """What is left, as in "Left: 42 min, 12 commands.", with a warning where little is; empty without limits."""
    if budget is None:
        return ""
    left = dict(budget)
    parts = []
    if (seconds := left.get("time_left_seconds")) is not None:
        parts.append(span(seconds) if seconds >= 10 else "under 10 s")
    if (commands := left.get("commands_left")) is not None:
        parts.append(amount(commands, "command"))
    if (attempts := left.get("attempts_left")) is not None:
        parts.append(amount(attempts, "further attempt"))
    return " ".join([f"Left: {', '.join(parts)}.", *budget_warnings(left)]) if parts else ""


def budget_warnings(budget: Budget | Mapping[str, int | None] | None) -> list[str]:
    """A sentence for each limit of which 80 % are used, and a sharper one from 95 % on."""
    of = dict(budget or {})
    found = []
    for name, verb, left, limit in (
        ("time", "is", of.get("time_left_seconds"), of.get("time_limit_seconds")),
        ("commands", "are", of.get("commands_left"), of.get("commands_limit")),
        ("attempts", "are", of.get("attempts_left"), of.get("attempts_limit")),
    ):
        if left is None or not limit:
            continue
        used = 1 - left / limit
        if used >= _NEARLY_ALL:
            found.append(f"Over 95 % of the {name} {verb} used{_ADVICE.get(name, '')}.")
        elif used >= _MOST:
            found.append(f"Over 80 % of the {name} {verb} used.")
    return found


_MOST: Final = 0.8
_NEARLY_ALL: Final = 0.95
_ADVICE: Final = {
    "time": ": score_run now, what is not scored in time has no score",
    "commands": ": keep some for the last check, then score_run",
}


def queue_text(queue: QueuePlace | None) -> str:
    """A place in the queue, as in ", place 3 of 12 in the queue"; empty where there is none."""
    return f", place {queue.place} of {queue.length} in the queue" if queue else ""


def moment(time_ms: int | None) -> str | None:
    """A moment in UTC, to the second."""
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def score_text(score: float) -> str:
    """A score with as many digits as it needs: "1.0", "0.75", "0.333"."""
    text = f"{score:.3f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
