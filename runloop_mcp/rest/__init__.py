"""The Runloop REST API in front of any backend: what Runloop's own clients talk to."""
