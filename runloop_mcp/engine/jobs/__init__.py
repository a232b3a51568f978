"""Benchmark jobs: agents that are set to solve scenarios, and what came of it."""
