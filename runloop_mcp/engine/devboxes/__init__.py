"""Devboxes as the engine keeps them: held, booted, executed on, ended."""
