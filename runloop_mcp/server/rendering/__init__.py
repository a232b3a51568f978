"""What models and people read of scenarios, runs, executions, files and scores."""
