"""What the wire has and the ports do not: bodies, queries and answers of its own."""
