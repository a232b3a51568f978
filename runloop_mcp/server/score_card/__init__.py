"""The score card of a run, and the page that hosts of MCP Apps show in place of its text."""

from typing import Final

APPS: Final = "io.modelcontextprotocol/ui"
"""The extension by which hosts show pages of servers. The SDK's own module of it takes 7 ms to import."""
