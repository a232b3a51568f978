"""Subscriptions to resources, and what finds out that one has changed."""
