"""The cloud backend: scenarios, runs and scores that another server keeps, over its REST API."""
