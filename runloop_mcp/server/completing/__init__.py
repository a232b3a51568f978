"""Where completions come from, by what is completed."""
