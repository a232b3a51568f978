"""What operators see of a server at work: logs, metrics and traces. Nothing here is imported unless it is asked for."""
