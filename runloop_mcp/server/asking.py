"""Asking the person at the client, where a person should decide: with the protocol's elicitation, in both of its eras.

Clients that can't ask are not asked for anything: what was called for is done. Where there is no consent, be it that
the person says no, closes the question or gives no answer in time, nothing is done, and the caller is told how to do it
unasked.
No call hangs on a question: in the handshake era it is waited for some seconds; from 2026 on the call ends with the
question, and its client calls again with the answer.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

_KEY: Final = "consent"


class Consent(StrEnum):
    """What came of a question."""

    GIVEN = "given"
    REFUSED = "refused"
    """The person said no, or the client on their behalf."""
    MISSING = "missing"
    """The question was closed, nobody answered in time, or the client left or gave an answer that is none."""
    UNASKED = "unasked"
    """The client can't ask."""

    @property
    def is_go(self) -> bool:
        """Whether to do what was asked about."""
        return self in {Consent.GIVEN, Consent.UNASKED}

    @property
    def reason(self) -> str:
        """Why it is not done, as a part of a sentence."""
        return "the user was asked and said no" if self is Consent.REFUSED else "the user was asked and did not answer"


@dataclass(frozen=True, slots=True)
class Question:
    """What a person decides."""

    message: str
    """All that they have to know, in sentences."""
    label: str
    """What they agree to, in a few words, as on a button."""


class InputNeeded(Exception):
    """The call ends here, with a question; its client makes it again with the answer."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__("The call needs an answer.")
        self.result = result


class Person:
    """Whoever sits at the client of a call.

    Args:
        context: The call, as the protocol knows it.
        answer_seconds: How long an answer is waited for within the call.
    """

    def __init__(self, context: Context[Any, Any], answer_seconds: float) -> None:
        self._context = context
        self._seconds = answer_seconds

    async def consents(self, question: Question) -> Consent:
        """Whether the person agrees.

        Raises:
            InputNeeded: The answer comes with another call.
        """
        if not self._can_ask():
            return Consent.UNASKED
        if self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return self._answered(question)
        if not self._context.session.can_send_request:
            return Consent.UNASKED
        with anyio.move_on_after(self._seconds):
            return await self._asked(question)
        return Consent.MISSING

    async def _asked(self, question: Question) -> Consent:
        """What the client answers, as the handshake era has it."""
        try:
            answer = await self._context.session.elicit_form(
                question.message, _form(question), related_request_id=self._context.request_id
            )
        except MCPError as error:
            # One that has left could ask, and nobody agreed; else the client said that it can ask, and can't.
            return Consent.MISSING if error.error.code == CONNECTION_CLOSED else Consent.UNASKED
        except ValidationError:  # an answer that says nothing the protocol knows
            return Consent.MISSING
        return _consent(answer)

    def _can_ask(self) -> bool:
        capabilities = self._context.client_capabilities
        elicitation = capabilities.elicitation if capabilities is not None else None
        return elicitation is not None and (elicitation.form is not None or elicitation.url is None)

    def _answered(self, question: Question) -> Consent:
        """The answer that came with the call, if it is one to this very question."""
        asked = hashlib.sha256(f"{question.label}\0{question.message}".encode()).hexdigest()
        answer = (self._context.input_responses or {}).get(_KEY)
        if isinstance(answer, ElicitResult) and self._context.request_state == asked:
            return _consent(answer)
        params = ElicitRequestFormParams(message=question.message, requested_schema=_form(question))
        requests: dict[str, Any] = {_KEY: ElicitRequest(params=params)}
        raise InputNeeded(InputRequiredResult(input_requests=requests, request_state=asked))


def _form(question: Question) -> dict[str, Any]:
    """A box to tick, ticked: a client that shows no form has but to agree."""
    box = {"type": "boolean", "title": question.label, "default": True}
    return {"type": "object", "properties": {"agreed": box}}


def _consent(answer: ElicitResult) -> Consent:
    match answer.action:
        case "accept":
            # Some clients send what a form holds as text.
            agreed = (answer.content or {}).get("agreed", True)
            return Consent.GIVEN if agreed is True or agreed == "true" else Consent.REFUSED
        case "decline":
            return Consent.REFUSED
        case _:
            return Consent.MISSING
