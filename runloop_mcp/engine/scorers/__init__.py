"""Custom scorers: scripts that are registered under a type, which scenarios name."""
