"""Fixture tools that ask the client: by a request of their own, as before 2026, or by what they return."""

import json
import warnings
from typing import Any, Final

from mcp.server.extension import ToolBinding
from mcp.server.mcpserver import Context
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
)
from media import text

Asked = str | InputRequiredResult


async def test_sampling(prompt: str, context: Context[Any, Any]) -> str:
    """Has the client's model say something."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the suite wants what the newest revision deprecates
        result = await context.session.create_message(
            messages=[SamplingMessage(role="user", content=text(prompt))],
            max_tokens=100,
            related_request_id=context.request_id,
        )
    return f"LLM response: {getattr(result.content, 'text', 'No response')}"


async def test_elicitation(message: str, context: Context[Any, Any]) -> str:
    """Asks the client's person something."""
    return await _elicit(context, message, response={"type": "string", "description": "User's response"})


async def test_elicitation_sep1034_defaults(context: Context[Any, Any]) -> str:
    """Asks with a default for each type."""
    return await _elicit(
        context,
        "Look it over",
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )


async def test_elicitation_sep1330_enums(context: Context[Any, Any]) -> str:
    """Asks with each form of an enumeration."""
    words = ["option1", "option2", "option3"]
    titled = [{"const": f"value{number}", "title": f"The {number}."} for number in (1, 2, 3)]
    return await _elicit(
        context,
        "Choose",
        untitledSingle={"type": "string", "enum": words},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", "enum": words, "enumNames": ["One", "Two", "Three"]},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": words}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )


async def _elicit(context: Context[Any, Any], message: str, **properties: dict[str, Any]) -> str:
    schema = {"type": "object", "properties": properties, "required": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = await context.session.elicit_form(message, schema, related_request_id=context.request_id)
    return f"Elicitation completed: action={result.action}, content={json.dumps(result.content or {})}"


async def test_input_required_result_elicitation(context: Context[Any, Any]) -> Asked:
    """Asks for a name."""
    name = accepted(context, "user_name", "name")
    return f"Hello, {name}!" if name else asks(user_name=form("What is your name?", name="string"))


async def test_input_required_result_sampling(context: Context[Any, Any]) -> Asked:
    """Asks the client's model."""
    said = sampled(context, "capital_question")
    return f"It said: {said}" if said else asks(capital_question=sample("What is the capital of France?"))


async def test_input_required_result_list_roots(context: Context[Any, Any]) -> Asked:
    """Asks for the client's folders."""
    found = roots(context, "client_roots")
    return f"These: {', '.join(found)}" if found else asks(client_roots=ListRootsRequest())


async def test_input_required_result_request_state(context: Context[Any, Any]) -> Asked:
    """Asks, and has the client bring its state back."""
    if context.request_state == "asked" and accepted(context, "confirm", "ok"):
        return "state-ok"
    return asks("asked", confirm=form("Sure?", ok="boolean"))


async def test_input_required_result_multiple_inputs(context: Context[Any, Any]) -> Asked:
    """Asks for three things at once."""
    name, said = accepted(context, "user_name", "name"), sampled(context, "greeting")
    found = roots(context, "client_roots")
    if context.request_state == "asked" and name and said and found:
        return f"{name}; {said}; {', '.join(found)}"
    return asks(
        "asked",
        user_name=form("What is your name?", name="string"),
        greeting=sample("Greet them."),
        client_roots=ListRootsRequest(),
    )


async def test_input_required_result_multi_round(context: Context[Any, Any]) -> Asked:
    """Asks one thing after the other."""
    state = json.loads(context.request_state or "{}")
    name, color = accepted(context, "step1", "name"), accepted(context, "step2", "color")
    if state.get("name") and color:
        return f"{state['name']} likes {color}."
    if state and name:
        return asks(json.dumps({"round": 2, "name": name}), step2=form("Which color?", color="string"))
    return asks(json.dumps({"round": 1}), step1=form("What is your name?", name="string"))


async def test_input_required_result_tampered_state(context: Context[Any, Any]) -> Asked:
    """Asks with a state that nobody else can make."""
    if context.request_state == "ours" and accepted(context, "confirm", "ok"):
        return "integrity-ok"
    return asks("ours", confirm=form("Sure?", ok="boolean"))


async def test_input_required_result_capabilities(context: Context[Any, Any]) -> Asked:
    """Asks only for what the client can do."""
    if context.input_responses:
        return f"capabilities-ok: {', '.join(context.input_responses)}"
    can = context.client_capabilities
    requests: dict[str, Any] = {}
    if can is not None and can.elicitation is not None:
        requests["elicit_input"] = form("A value?", value="string")
    if can is not None and can.sampling is not None:
        requests["sample_input"] = sample("Say something.")
    return asks("asked", **requests) if requests else "The client can do neither."


def asks(state: str | None = None, /, **requests: Any) -> InputRequiredResult:
    """Asks for these, and for the state to come back."""
    return InputRequiredResult(input_requests=requests, request_state=state)


def form(message: str, **fields: str) -> ElicitRequest:
    """A request to a person, with fields of these types."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in fields.items()},
        "required": list(fields),
    }
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(words: str) -> CreateMessageRequest:
    """A request to the client's model."""
    message = SamplingMessage(role="user", content=text(words))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def accepted(context: Context[Any, Any], key: str, field: str) -> Any:
    """What a person has put into a field; None where they have not."""
    answer = (context.input_responses or {}).get(key)
    return (answer.content or {}).get(field) if isinstance(answer, ElicitResult) else None


def sampled(context: Context[Any, Any], key: str) -> str | None:
    """What the client's model has said."""
    answer = (context.input_responses or {}).get(key)
    return getattr(getattr(answer, "content", None), "text", None)


def roots(context: Context[Any, Any], key: str) -> list[str]:
    """The folders that the client has told."""
    answer = (context.input_responses or {}).get(key)
    return [str(root.uri) for root in getattr(answer, "roots", None) or ()]


ASKING: Final = [
    ToolBinding(tool, kwargs={"structured_output": False})
    for tool in (
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_tampered_state,
        test_input_required_result_capabilities,
    )
]
