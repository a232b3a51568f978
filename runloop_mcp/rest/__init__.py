"""The Runloop REST API, served over any backend: the second face."""
