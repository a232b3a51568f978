"""Benchmarks: sets of scenarios, and runs of all of them."""
