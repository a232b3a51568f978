"""A backend as one principal may see it."""
