"""Cheat solvers: ways to have a scenario's score without its work."""
