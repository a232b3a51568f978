"""runloop-mcp: an MCP server through which an agent drives a coding scenario from start to score."""

__version__ = "0.1.0"
