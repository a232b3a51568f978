"""Devboxes of the Runloop API: the engine keeps scenarios, runs and scores here, and commands run there."""

HOSTED = "https://api.runloop.ai"
"""Where devboxes are microVMs."""

NO_KEY = "Set RUNLOOP_API_KEY; keys are made at https://platform.runloop.ai."

DEFAULT_KEEP_ALIVE_SECONDS = 3600
"""After so long without a word from a server the cloud shuts a devbox down by itself."""
