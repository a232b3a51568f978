"""Devboxes of the Runloop cloud, as a driver."""
