"""The score card as an MCP App: a page that hosts show in place of a score's text."""
