"""Environments that are kept to begin from: named snapshots, and blueprints that are built once."""
