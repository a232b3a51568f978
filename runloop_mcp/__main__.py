"""`python -m runloop_mcp` is `runloop-mcp`."""

from runloop_mcp.cli.main import main

main()
