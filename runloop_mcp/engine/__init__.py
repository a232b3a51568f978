"""The embedded engine: a `Backend` that keeps scenarios, runs and scores here."""
