"""The floor of MCP over HTTP: the SDK's own `MCPServer` and web application on the product's HTTP server.

python benchmarks/bare_mcp.py        serves it and tells its address on standard error
"""

import sys
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp_types import CallToolResult

from runloop_mcp.server.transports.http import serve_app

_kept: dict[str, CallToolResult] = {}


async def _serve() -> None:
    server = MCPServer("bare")

    @server.tool()
    async def keep(name: str, result: dict[str, Any]) -> CallToolResult:
        """Keeps a result."""
        _kept[name] = CallToolResult.model_validate(result)
        return _kept[name]

    @server.tool()
    async def same(name: str) -> CallToolResult:
        """The result that was kept."""
        return _kept[name]

    app = server.streamable_http_app()
    await serve_app(app, port=0, ready=lambda url: print(url, file=sys.stderr, flush=True))


if __name__ == "__main__":
    anyio.run(_serve)
