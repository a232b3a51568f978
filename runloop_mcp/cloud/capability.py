"""Whether the API serves scenarios: found out once, while nobody waits for it."""

import logging
from typing import Final

import anyio

from runloop_mcp.api.errors import ApiError, Forbidden, NotFound, Unavailable
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.client.runloop_client import RunloopClient

_log = logging.getLogger(__name__)

WAYS_ON: Final = (
    "There are two ways on: start with --backend local, which keeps scenarios, runs and scores on this machine; or with"
    " --backend local --devbox runloop, which does so too and runs their devboxes in Runloop's cloud."
)
_PROBE_SECONDS: Final = 5.0


class ScenarioCapability:
    """What is known of the scenario API behind a client."""

    def __init__(self, client: RunloopClient) -> None:
        self._client = client
        self._known = anyio.Event()
        self._refusal: ApiError | None = None

    async def probe(self) -> None:
        """Asks once. Where no answer comes nothing is known, and every call finds out for itself."""
        try:
            with anyio.move_on_after(_PROBE_SECONDS):
                await self._client.scenarios.list(ScenarioListParams(limit=1))
        except (NotFound, Forbidden) as error:
            self._refusal = error
        except ApiError as error:
            _log.debug("Whether %s serves scenarios is not known: %s", self._client.wire.host, error.message)
        finally:
            self._known.set()

    async def required(self) -> None:
        """Lets a call pass that needs scenarios.

        Raises:
            Unavailable: They are not served; the hint names the ways on.
        """
        await self._known.wait()
        if self._refusal is not None:
            raise Unavailable(
                f"The Runloop API at {self._client.wire.host} serves no scenarios to this key: GET /v1/scenarios was"
                f" answered with {self._refusal.status}.",
                hint=WAYS_ON,
            )
