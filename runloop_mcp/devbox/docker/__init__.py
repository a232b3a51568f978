"""Devboxes as containers of any engine that speaks Docker's API: Docker, Podman, and what they run behind."""
