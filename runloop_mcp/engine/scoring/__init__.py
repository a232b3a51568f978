"""Scoring: one module for each scorer type, and what turns a run into a result."""
