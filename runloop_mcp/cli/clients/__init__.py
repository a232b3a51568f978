"""The MCP clients that can be told of this server: where each keeps its configuration, and how that is changed."""
