"""The score card of a run, and the page that hosts of MCP Apps show in place of its text."""
