"""Messages that no good client sends, made from what a server says of its own tools, resources and prompts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Raw:
    """A piece of JSON text that no JSON library would write."""

    text: str


@dataclass(frozen=True)
class Pairs:
    """An object whose keys may be there twice."""

    items: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Message:
    """What is sent: the method and its parameters, or a text that is no request at all.

    Args:
        method: Of the request; None where there is only `text`.
        params: Of the request, without what the era adds.
        text: What is sent where it is no request.
    """

    method: str | None = None
    params: Any = None
    text: str = ""

    def __repr__(self) -> str:
        """Short, as some messages are long."""
        shown = f"{self.method} {written(self.params)}" if self.method is not None else self.text
        return f"Message({shown[:400]!r})"


@dataclass
class Offer:
    """What a server offers, and what is really there."""

    tools: list[dict[str, Any]]
    templates: list[str]
    prompts: list[dict[str, Any]]
    ids: dict[str, str] = field(default_factory=dict)
    """Name of an argument → something of that kind that is there."""


def written(value: Any) -> str:
    """The JSON text of a value, with pieces that are none."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{written(inner)}" for key, inner in value.items) + "}"
    if isinstance(value, dict):
        return written(Pairs(tuple(value.items())))
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


_STARTS_SOMETHING = ("start_", "create_", "validate_", "snapshot_", "rescore_")
"""Tools whose good calls take seconds or a devbox: they get an argument that they don't know."""

_STRANGE_TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n" * 50,
    "../../../../etc/passwd",
    "/proc/self/environ",
    "/" * 5000,
    "x" * 70_000,
    "\u202e\u200b\ufeff",
    "😀" * 500,
    "\x1b[31mred\x1b[0m",
    "%s%n%x{0}${HOME}$(id)`id`",
    "' OR 1=1; DROP TABLE runs; --",
    "<script>alert(1)</script>",
    "scr_",
    "scr_" + "0" * 21,
    "scn_" + "z" * 21,
    "exe_" + "A" * 21,
    "dbx_" + "é" * 21,
    "-1",
    "NaN",
    "null",
    "[]",
    '{"a": 1}',
    "runloop://runs/../../x",
    "(a+)+$",
    "[",
    "*" * 300,
]
_RAW = [
    Raw("NaN"),
    Raw("Infinity"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("-0"),
    Raw("1" * 400),
    Raw("9" * 5000),
    Raw('"\\ud800"'),
    Raw('"half \\udfff here"'),
    Raw('{"\\ud800": 1}'),
    Raw("[" * 60 + "]" * 60),
    Raw("[" * 900 + "]" * 900),
    Raw('{"a":' * 900 + "1" + "}" * 900),
    Raw("[" * 20_000 + "]" * 20_000),
    Raw('{"a": 1, "a": [2]}'),
]
_NUMBERS = [0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, 1e308, -1e-320]

_TEXTS = st.one_of(st.sampled_from(_STRANGE_TEXTS), st.text(max_size=40))
_SCALARS = st.one_of(
    _TEXTS, st.sampled_from(_NUMBERS), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, width=32)
)
STRANGE: st.SearchStrategy[Any] = st.one_of(
    _SCALARS,
    st.sampled_from(_RAW),
    st.lists(_SCALARS, max_size=4),
    st.dictionaries(st.text(max_size=8), _SCALARS, max_size=4),
    st.lists(st.dictionaries(st.text(max_size=8), _SCALARS, max_size=3), max_size=3),
)
_NAMES = st.one_of(
    st.sampled_from(["", "runid", "Run_ID", "__class__", "self", "x" * 3000, "ä", "a.b"]), st.text(max_size=12)
)


@st.composite
def tool_calls(draw: st.DrawFn, offer: Offer) -> Message:
    """A call of some tool, with at least one thing wrong in most cases."""
    tool = draw(st.sampled_from(offer.tools))
    arguments = draw(_arguments(tool, offer))
    name: Any = tool["name"]
    if draw(st.integers(0, 19)) == 0:
        name = draw(st.one_of(_TEXTS, STRANGE))
        if name in [each["name"] for each in offer.tools]:
            arguments = {"no_such_argument": 1}
    params: Any = {"name": name, "arguments": arguments}
    return Message("tools/call", draw(_bent(params)))


def _arguments(tool: Mapping[str, Any], offer: Offer) -> st.SearchStrategy[Any]:
    properties: Mapping[str, Any] = tool["inputSchema"].get("properties", {})
    required = tool["inputSchema"].get("required", [])
    spoiled = tool["name"].startswith(_STARTS_SOMETHING)

    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        given: dict[str, Any] = {name: draw(_fitting(name, properties[name], offer)) for name in required}
        some = draw(st.lists(st.sampled_from(sorted(properties) or [""]), max_size=3, unique=True))
        for name in some:
            given[name] = draw(STRANGE)
        extra = draw(st.lists(st.tuples(_NAMES, STRANGE), max_size=1))
        if spoiled:
            extra.append(("no_such_argument", 1))
        if draw(st.integers(0, 9)) == 0 and required:
            given.pop(draw(st.sampled_from(sorted(required))), None)
        if draw(st.integers(0, 9)) == 0:
            return draw(STRANGE) if not spoiled else draw(_SCALARS)
        return Pairs((*given.items(), *extra))

    return drawn()


_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.sampled_from([0, 1, 2, 2**63]),
    "number": st.sampled_from([0, 0.5, 1]),
    "boolean": st.booleans(),
    "array": st.just([]),
    "object": st.just({}),
}


def _fitting(name: str, schema: Mapping[str, Any], offer: Offer) -> st.SearchStrategy[Any]:
    """Something that may be right, so that the call gets further than to the check of this argument."""
    if name in offer.ids:
        return st.one_of(st.just(offer.ids[name]), _TEXTS)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _FITTING.get(str(schema.get("type")), _TEXTS)


def _bent(params: Any) -> st.SearchStrategy[Any]:
    """Mostly as they are; sometimes the parameters of the request are themselves something else."""
    odd: list[st.SearchStrategy[Any]] = [
        STRANGE,
        st.just({**params, "task": {"ttl": "x"}}),
        st.just({**params, "_meta": {"progressToken": {}}}),
    ]
    return st.integers(0, 24).flatmap(lambda die: st.one_of(odd) if die == 0 else st.just(params))


@st.composite
def readings(draw: st.DrawFn, offer: Offer) -> Message:
    """A reading of some resource, a prompt or a completion, with something wrong."""
    kind = draw(st.integers(0, 3))
    if kind <= 1:
        uri: Any = draw(st.sampled_from(offer.templates))
        for name, known in offer.ids.items():
            uri = uri.replace("{" + name + "}", draw(st.one_of(st.just(known), _TEXTS)))
        tail = draw(st.one_of(st.just(""), _TEXTS))
        return Message("resources/read", {"uri": draw(st.one_of(st.just(uri + tail), STRANGE))})
    if kind == 2:
        prompt = draw(st.sampled_from(offer.prompts))
        names = [each["name"] for each in prompt.get("arguments", [])] or [""]
        given = draw(st.dictionaries(st.one_of(st.sampled_from(names), _NAMES), STRANGE, max_size=3))
        return Message("prompts/get", {"name": draw(st.one_of(st.just(prompt["name"]), STRANGE)), "arguments": given})
    reference = draw(
        st.one_of(
            st.just({"type": "ref/prompt", "name": offer.prompts[0]["name"]}),
            st.sampled_from([{"type": "ref/resource", "uri": uri} for uri in offer.templates]),
            STRANGE,
        )
    )
    argument = {"name": draw(_NAMES), "value": draw(STRANGE)}
    return Message("completion/complete", {"ref": reference, "argument": draw(st.one_of(st.just(argument), STRANGE))})


_BROKEN = [
    "",
    "{",
    "nonsense",
    "[]",
    "[1, 2]",
    "null",
    "3",
    '"text"',
    "{}",
    '{"jsonrpc": "2.0", "id": 1}',
    '{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}',
    '{"id": 1, "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": [1], "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": 1.5, "method": 7}',
    '{"jsonrpc": "2.0", "id": 1, "method": null}',
    '{"jsonrpc": "2.0", "id": NaN, "method": "tools/list"}',
    '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": [1]}',
    '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": "x"}',
    '[{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]',
    "\ufeff{}",
    "[" * 50_000,
    '{"a":' * 50_000,
    "{'jsonrpc': '2.0'}",
]
_METHODS = [
    "tools/lists",
    "",
    "rpc.discover",
    "../x",
    "resources/subscribe",
    "resources/unsubscribe",
    "logging/setLevel",
    "tasks/get",
    "tasks/cancel",
    "sampling/createMessage",
    "elicitation/create",
    "x" * 2000,
]


def envelopes() -> st.SearchStrategy[Message]:
    """Texts that are no request, and requests of methods that are none."""
    broken = st.sampled_from([text for text in _BROKEN if text]).map(lambda text: Message(text=text))
    noise = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1, max_size=60)
    shapeless = noise.filter(lambda text: bool(text.strip()) and text.strip()[0] not in "{[").map(
        lambda text: Message(text=text)
    )
    unknown = st.builds(Message, st.sampled_from(_METHODS), st.dictionaries(_NAMES, STRANGE, max_size=2))
    return st.one_of(broken, shapeless, unknown)


def messages(offer: Offer) -> st.SearchStrategy[Message]:
    """All kinds, calls of tools most of all."""
    kinds: Sequence[st.SearchStrategy[Message]] = (tool_calls(offer), readings(offer), envelopes())
    return st.integers(0, 9).flatmap(lambda die: kinds[0] if die < 6 else kinds[1] if die < 9 else kinds[2])
