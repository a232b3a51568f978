"""Spans around calls."""

import os
from pathlib import Path

import forked_python
import pytest

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.server.observation.traced_backend import TracedBackend
from runloop_mcp.server.visible.backend import visible_to

_PROGRAM = """
from pathlib import Path
import anyio
from mcp.client import Client
from opentelemetry import trace
from runloop_mcp.cloud.backend import CloudBackend
from runloop_mcp.server.app import build_server

names = []

class Tracer(trace.NoOpTracer):
    def start_span(self, name, *arguments, **more):
        names.append(name)
        return trace.INVALID_SPAN

    def start_as_current_span(self, name, *arguments, **more):
        names.append(name)
        return super().start_as_current_span(name, *arguments, **more)

class Provider(trace.TracerProvider):
    def get_tracer(self, *arguments, **more):
        return Tracer()

async def main():
    async with Client(build_server(CloudBackend(Path("."), "http://127.0.0.1:1", None))) as client:
        await client.list_prompts()
        before = list(names)
        trace.set_tracer_provider(Provider())
        await client.list_tools()
    print(before, "tools/list" in names)

anyio.run(main)
"""


def test_calls_have_spans_once_someone_collects_them() -> None:
    """A message has its span as soon as a provider is set up, and none before."""
    done = forked_python.run(["-c", _PROGRAM], env=os.environ, timeout=60)
    assert done.stdout == "[] True\n", done.stderr


@pytest.mark.parametrize(
    "stands_for", [TracedBackend, lambda backend: visible_to(Principal("key:1"), backend, operates=True)]
)
def test_what_stands_for_a_backend_says_what_it_says(tmp_path: Path, stands_for: type[TracedBackend]) -> None:
    """Whether devboxes cost money, before which a person is asked, and whether waits cost requests."""
    backend = CloudBackend(tmp_path, "http://127.0.0.1:1", None)
    said = {name: value for name, value in vars(Backend).items() if isinstance(value, bool)}
    assert said
    for name in said:
        assert getattr(backend, name) is True
        assert getattr(stands_for(backend), name) is True, name
