"""Long work as tasks: the protocol's tasks extension, for clients that declare it."""
