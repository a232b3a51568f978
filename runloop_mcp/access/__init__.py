"""Keys and tokens of servers over HTTP, and the principals that they stand for."""
