"""What a person types; the only place that wires a backend to a face."""
