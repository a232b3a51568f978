"""Agents: programs that solve scenarios, and where they come from."""
