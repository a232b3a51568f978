"""The time, as the wire has it."""

import time


def now_ms() -> int:
    """Milliseconds since 1970, UTC: for what is stored. Waits within a process use monotonic clocks."""
    return time.time_ns() // 1_000_000
