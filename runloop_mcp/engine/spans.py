"""Spans of OpenTelemetry around the engine's own long work, for those who collect spans."""

import sys
from contextlib import AbstractContextManager, nullcontext


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A span around a block, below the one that is current where it begins; nothing where nobody collects spans.

    What is raised in the block is not told: it may hold what solvers and callers wrote.

    Args:
        name: What is done.
        attributes: Ids and kinds of what it is done to, told as `runloop.…`.
    """
    if "opentelemetry.sdk.trace" not in sys.modules:
        return nullcontext()
    from opentelemetry import trace  # noqa: PLC0415  most processes never need it

    return trace.get_tracer("runloop_mcp").start_as_current_span(
        name,
        attributes={f"runloop.{key}": value for key, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    )
