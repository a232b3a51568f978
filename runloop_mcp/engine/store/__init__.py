"""What survives: one SQLite database, safe for several processes."""
