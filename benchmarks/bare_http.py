"""The floor of the REST figures: a bare Starlette application on the product's own HTTP server.

python benchmarks/bare_http.py        serves it and tells its address on standard error
"""

import sys

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runloop_mcp.server.transports.http import serve_app

_kept: dict[str, object] = {}


async def _read(request: Request) -> JSONResponse:
    return JSONResponse(_kept[request.path_params["bare_id"]])


async def _write(request: Request) -> JSONResponse:
    _kept[request.path_params["bare_id"]] = given = await request.json()
    return JSONResponse(given)


async def _serve() -> None:
    routes = [Route("/v1/bare/{bare_id}", _read), Route("/v1/bare/{bare_id}", _write, methods=["POST"])]
    await serve_app(Starlette(routes=routes), port=0, ready=lambda url: print(url, file=sys.stderr, flush=True))


if __name__ == "__main__":
    anyio.run(_serve)
