"""How the MCP server reaches its clients: stdio, streamable HTTP, SSE; each ends cleanly whatever the client does."""
