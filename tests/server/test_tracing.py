"""Spans around calls."""

import subprocess
import sys

_PROGRAM = """
import anyio
from mcp.client import Client
from opentelemetry import trace
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
    async with Client(build_server(None)) as client:
        await client.list_prompts()
        before = list(names)
        trace.set_tracer_provider(Provider())
        await client.list_tools()
    print(before, "tools/list" in names)

anyio.run(main)
"""


def test_calls_have_spans_once_someone_collects_them() -> None:
    """A message has its span as soon as a provider is set up, and none before."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] True\n"
