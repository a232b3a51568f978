"""Runs any command-line agent over scenarios, and tells how well it does. Sees backends through their port alone."""
