"""The groups of operations of a backend, named as in the Runloop API; `api.backend` says what all keep to."""
