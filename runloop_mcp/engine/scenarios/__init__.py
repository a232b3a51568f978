"""Scenarios: from folders and from callers."""
