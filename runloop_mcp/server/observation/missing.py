"""What stands at `/metrics` where the library that counts for it is not installed."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


async def no_metrics(_: Request) -> Response:
    """Says how to get it."""
    message = "Metrics need a library that is not installed here: pip install 'runloop-mcp[metrics]'."
    return JSONResponse({"code": "not_installed", "message": message}, 501)
