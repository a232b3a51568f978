"""Runs: their states, their moves, and what carries them out."""
