"""The HTTP client of the Runloop API, shared by the cloud backend and by devboxes that run there."""
