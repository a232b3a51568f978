"""The lamps of the harbour."""
