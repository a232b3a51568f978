"""YAML with line numbers, as much of it as a scenario needs.

Built from the parser's events rather than by the library's own loader, because a stranger's file must not be able to
exhaust the stack, expand references without end or make objects, and because every value keeps its line and the text
that its author wrote: whether `true` is a command or a truth is decided by the field that it stands in.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MAX_DEPTH = 32
MAX_PROBLEMS = 50

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    file: str
    """Relative to the scenario's folder, or absolute where it is not in one."""
    line: int
    """From 1; 0 where the file as a whole is meant."""
    field: str
    """The field's path, such as `scoring_contract.scoring_function_parameters[0].weight`; empty for the whole file."""
    message: str
    """What is wrong and what is valid."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class DocumentError(Exception):
    """A file that can't be used, with everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Plain(str):
    """Text written without quotes: text in a field that takes text, a number or truth where any value goes."""

    __slots__ = ()

    def value(self) -> object:
        """The number, truth or text that it stands for."""
        text = str(self)
        if text in _TRUTHS:
            return _TRUTHS[text]
        for kind in (int, float):
            # JSON's numbers and no others: Python would take `1_000`, `infinity` and digits of any script.
            if text[:1] in "-0123456789" and len(text) < 300:
                try:
                    number = json.loads(text)
                except ValueError:
                    break
                if type(number) is kind and abs(number) < 1e300:
                    return number
        return text


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    line: int
    value: "str | list[Node] | dict[str, Node] | None"
    key_line: int = 0
    """Where the key stands whose value this is; 0 where it has none."""

    def plain(self) -> object:
        """The value without its lines, as JSON has it; scalars are text, unquoted ones `Plain`."""
        match self.value:
            case list():
                return [item.plain() for item in self.value]
            case dict():
                return {key: item.plain() for key, item in self.value.items()}
            case _:
                return self.value

    def at(self, path: Sequence[str | int]) -> "Node":
        """The deepest value on the way along a path: the value itself, where the path leads to one."""
        node = self
        for part in path:
            match node.value:
                case dict() if part in node.value:
                    node = node.value[str(part)]
                case list() if isinstance(part, int) and 0 <= part < len(node.value):
                    node = node.value[part]
                case _:
                    break
        return node


def parse(data: bytes, file: str) -> Node:
    """Reads a file that holds one mapping.

    Raises:
        DocumentError: It is no YAML, or more of YAML than a scenario needs.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DocumentError([Problem(file, line, "", "This is not UTF-8 text; save the file as UTF-8.")]) from None
    builder = _Builder(file)
    for event in _events(text, file):
        builder.take(event)
    if builder.problems:
        raise DocumentError(builder.problems)
    if builder.root is None or not isinstance(builder.root.value, dict):
        line = builder.root.line if builder.root else 0
        raise DocumentError([Problem(file, line, "", "The file must hold fields (`name: value`), and holds none.")])
    return builder.root


def _events(text: str, file: str) -> Iterator[object]:
    import yaml  # noqa: PLC0415 - only where a file has changed

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = (
            "There is a character here that YAML does not allow; leave it out, or write it as an escape in quotes."
        )
        raise DocumentError([Problem(file, line, "", message)]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = " ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError(
            [Problem(file, mark.line + 1 if mark else 0, "", f"This is not valid YAML: {told}.")]
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Which lines it can't say: the parser's own limits, such as numbers of an escape that is no character.
        raise DocumentError([Problem(file, 1, "", f"This is not valid YAML: {error}.")]) from None


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is not closed yet."""

    node: Node
    key: str | None = None
    key_line: int = 0


@dataclass(slots=True)
class _Builder:
    """Puts the parser's events together, without recursion."""

    file: str
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    _open: list[_Frame] = field(default_factory=list)
    _documents: int = 0

    def take(self, event: object) -> None:
        import yaml  # noqa: PLC0415 - imported by the one who gave the event

        match event:
            case yaml.DocumentStartEvent():
                self._begin_document(event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._begin(event, {})
            case yaml.SequenceStartEvent():
                self._begin(event, [])
            case yaml.CollectionEndEvent():
                self._open.pop()
            case yaml.AliasEvent():
                self._tell(event, "References (`*name`) are not supported; write the value out.")
                self._add(Node(_line(event), None))
            case _:
                return

    def _begin_document(self, event: object) -> None:
        self._documents += 1
        if self._documents > 1:
            raise DocumentError(
                [*self.problems, Problem(self.file, _line(event), "", "A second document begins here; one is allowed.")]
            )

    def _begin(self, event: object, value: "list[Node] | dict[str, Node]") -> None:
        self._refuse_tag(event)
        if len(self._open) >= MAX_DEPTH:
            # At once, because what is nested deeper would be reported for every level.
            raise DocumentError(
                [*self.problems, Problem(self.file, _line(event), "", f"Nested deeper than {MAX_DEPTH} levels.")]
            )
        node = Node(_line(event), value)
        self._add(node)
        self._open.append(_Frame(node))

    def _scalar(self, event: object) -> None:
        self._refuse_tag(event)
        text = str(getattr(event, "value", ""))
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self._tell(event, "Text must not hold the character NUL or half of a surrogate pair.")
            text = ""
        quoted = bool(getattr(event, "style", None))  # plain ones have none, or an empty one
        frame = self._open[-1] if self._open else None
        if frame is not None and isinstance(frame.node.value, dict) and frame.key is None:
            frame.key, frame.key_line = text, _line(event)
            if text in frame.node.value:
                self._tell(event, f"The field {text!r} stands here twice.")
            return
        value = text if quoted else None if text in _NULLS else Plain(text)
        self._add(Node(_line(event), value))

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        if isinstance(frame.node.value, list):
            frame.node.value.append(node)
        elif isinstance(frame.node.value, dict):
            if frame.key is None:
                self.problems.append(Problem(self.file, node.line, "", "The name of a field must be text."))
                frame.key, frame.key_line = "", node.line
                return
            node.key_line = frame.key_line
            frame.node.value[frame.key] = node
            frame.key = None

    def _refuse_tag(self, event: object) -> None:
        if getattr(event, "tag", None) is not None:
            self._tell(event, "Tags (`!name`) are not supported; write plain text, numbers, lists and fields.")
        if getattr(event, "anchor", None) is not None:
            self._tell(event, "Anchors (`&name`) are not supported; write the value out.")

    def _tell(self, event: object, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self.file, _line(event), "", message))


def _line(event: object) -> int:
    mark = getattr(event, "start_mark", None)
    return int(mark.line) + 1 if mark is not None else 0
