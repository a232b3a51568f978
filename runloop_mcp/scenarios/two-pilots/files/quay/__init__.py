"""Gives berths to ships."""
