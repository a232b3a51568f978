"""Where commands run: the `Driver` port, and the drivers behind it."""
