"""Proves scenarios: that they can be solved, and that nobody gets their score for less. Over any backend."""
