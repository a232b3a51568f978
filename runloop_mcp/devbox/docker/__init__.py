"""Devboxes as containers of any engine that speaks Docker's API: Docker, Podman, and what they run behind."""

DEFAULT_IMAGE = "python:3.12-bookworm"
"""What devboxes are made from where nothing else is named: it has Python, bash, git, gcc, make and sqlite3."""
