"""What runs inside devboxes to put mounts there: with the standard library alone, on any Python from 3.8 on."""
