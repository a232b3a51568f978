"""The MCP face: tools, resources, prompts and transports over any `Backend`."""
