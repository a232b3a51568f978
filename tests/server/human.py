"""A person at a client, as the tests play them."""

from typing import Any, Literal

import anyio
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult, ErrorData

Action = Literal["accept", "decline", "cancel"]


class Human:
    """A person at a client: answers as the test wants, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.was_asked = anyio.Event()
        self.answer: ElicitResult | ErrorData | None = None

    def will(self, action: Action, **content: Any) -> None:
        """Answers all questions so from now on."""
        self.answer = ElicitResult(action=action, content=content or None)

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        """Answers, or thinks for ever."""
        del context
        self.asked.append(params.message)
        self.was_asked.set()
        if self.answer is None:
            await anyio.sleep_forever()
        assert self.answer is not None
        return self.answer
