"""Prompts: what a person picks from a menu to set an agent to work."""
