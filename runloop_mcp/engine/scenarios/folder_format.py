"""The fields of `scenario.yaml`, version 1 of its format.

They are the wire's fields, with three differences: nothing that is unknown is kept, long text may stand in a file of
its own (`*_file`), and unquoted scalars are text where a field takes text. The JSON schema for editors is made from
these models; their docstrings are what an author reads there.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from runloop_mcp.api.models.scenario import ValidationType
from runloop_mcp.engine.scenarios.document import Plain
from runloop_mcp.engine.scenarios.text_files import FolderTexts, TextFileError


def _read_text(path: str, info: ValidationInfo) -> str:
    texts = info.context
    if not isinstance(texts, FolderTexts):
        return path
    try:
        return texts.read(path)
    except TextFileError as error:
        raise PydanticCustomError("text_file", "{why}", {"why": str(error)}) from None


def _resolve(value: object) -> object:
    """Numbers and truths where any value goes, from the text that stands for them."""
    match value:
        case Plain():
            return value.value()
        case dict():
            return {str(key): _resolve(item) for key, item in value.items()}
        case list():
            return [_resolve(item) for item in value]
        case _:
            return value


def _text_only(value: object) -> object:
    """Numbers reach here as the text they were written as, so that what is not text is a list, fields or nothing."""
    if not isinstance(value, str):
        raise PydanticCustomError("not_text", "must be text")
    return str(value)


Text = Annotated[str, BeforeValidator(_text_only)]
TextFile = Annotated[
    str,
    BeforeValidator(_text_only),
    AfterValidator(_read_text),
    Field(description="A UTF-8 text file, by its path relative to the scenario's folder."),
]
AnyValue = Annotated[Any, BeforeValidator(_resolve)]


class FormatModel(BaseModel):
    """What the format's models share: unknown fields are errors, and long text may come from files."""

    model_config = ConfigDict(extra="forbid", defer_build=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: object) -> object:
        """Takes a known field without a value (`test_files:`) for one that is not there."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}

    @model_validator(mode="after")
    def _text_from_files(self) -> Self:
        """Puts what `*_file` fields have read where the text itself would stand."""
        for name in type(self).model_fields:
            text_field = name.removesuffix("_file")
            if name == text_field or text_field not in type(self).model_fields:
                continue
            contents = getattr(self, name)
            if contents is None:
                continue
            if text_field in self.model_fields_set:
                raise PydanticCustomError(
                    "text_twice", "give {text} or {file}, not both", {"text": text_field, "file": name}
                )
            setattr(self, text_field, contents)
            setattr(self, name, None)
        for name in self.required_texts():
            if getattr(self, name) is None:
                raise PydanticCustomError("text_missing", "{text} or {text}_file is required", {"text": name})
        return self

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The texts that must be there, in place or in a file."""
        return ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        inner = handler.resolve_ref_schema(schema)
        for name in cls.required_texts():
            inner["oneOf"] = [{"required": [name]}, {"required": [f"{name}_file"]}]
        return schema


class CommandScorer(FormatModel):
    """Exit status 0 of the command is 1.0, any other 0.0."""

    type: Literal["command_scorer"]
    command: Text | None = None
    command_file: TextFile | None = None

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The command."""
        return ("command",)


class BashScriptScorer(FormatModel):
    """The script prints the score; its exit status is not the score."""

    type: Literal["bash_script_scorer"]
    bash_script: Text | None = None
    bash_script_file: TextFile | None = None

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The script."""
        return ("bash_script",)


class PythonScriptScorer(FormatModel):
    """The script runs in an isolated interpreter with its requirements and prints the score."""

    type: Literal["python_script_scorer"]
    python_script: Text | None = None
    python_script_file: TextFile | None = None
    requirements_contents: Text | None = None
    requirements_contents_file: TextFile | None = None
    python_version_constraint: Text | None = None

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The script."""
        return ("python_script",)


class AstGrepScorer(FormatModel):
    """At least one match of the pattern is 1.0, none 0.0."""

    type: Literal["ast_grep_scorer"]
    pattern: Text | None = None
    pattern_file: TextFile | None = None
    search_directory: Text
    lang: Text | None = None

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The pattern."""
        return ("pattern",)


class ScorerTestFile(FormatModel):
    """A file that a test-based scorer writes before its command runs."""

    file_path: Text
    """Where it is written, relative to the working directory."""
    file_contents: Text | None = None
    file_contents_file: TextFile | None = None

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The contents."""
        return ("file_contents",)


class TestBasedScorer(FormatModel):
    """Writes the test files, runs the command; exit status 0 is 1.0, any other 0.0."""

    __test__ = False  # pytest takes names that begin with Test for test classes

    type: Literal["test_based_scorer"]
    test_command: Text | None = None
    test_command_file: TextFile | None = None
    test_files: list[ScorerTestFile] = Field(default_factory=list)

    @classmethod
    def required_texts(cls) -> tuple[str, ...]:
        """The command."""
        return ("test_command",)


class CustomScorer(FormatModel):
    """Runs the registered scorer's script with the parameters as JSON context."""

    type: Literal["custom_scorer"]
    custom_scorer_type: Text
    scorer_params: AnyValue = None


Scorer = Annotated[
    CommandScorer | BashScriptScorer | PythonScriptScorer | AstGrepScorer | TestBasedScorer | CustomScorer,
    Field(discriminator="type"),
]


class ScoringFunction(FormatModel):
    """A scorer with a name and a weight."""

    name: Annotated[Text, Field(pattern=r"^[a-zA-Z0-9_-]+$")]
    """Letters, digits, `_` and `-`."""
    weight: float = Field(gt=0, le=1)
    """Its share of the score; the weights of all functions sum to 1."""
    scorer: Scorer


class ScoringContract(FormatModel):
    """How a run is scored."""

    scoring_function_parameters: list[ScoringFunction]


class InputContext(FormatModel):
    """What the solver is told."""

    problem_statement: Text | None = None
    """The problem, in markdown; the file problem.md where absent."""
    problem_statement_file: TextFile | None = None
    additional_context: AnyValue = None
    """Any further value that the solver is given."""
    additional_context_file: TextFile | None = None


class AfterIdle(FormatModel):
    """What happens to a devbox that nobody uses."""

    idle_time_seconds: int = Field(gt=0)
    on_idle: Literal["shutdown", "suspend"]


class LifecycleConfiguration(FormatModel):
    """What happens to the devbox over its life."""

    after_idle: AfterIdle | None = None


class UserParameters(FormatModel):
    """The user that commands run as."""

    uid: int
    username: Text


class LaunchParameters(FormatModel):
    """How the devbox is launched."""

    launch_commands: list[Text] | None = None
    """Commands that run in the working directory before the run is ready, in order."""
    keep_alive_time_seconds: int | None = Field(default=None, ge=1, le=172_800)
    """Seconds until the devbox shuts down by itself; 3600 where absent."""
    after_idle: AfterIdle | None = None
    """Overrides keep_alive_time_seconds."""
    architecture: Text | None = None
    available_ports: list[int] | None = None
    custom_cpu_cores: float | None = None
    """With CUSTOM_SIZE: 0.5, 1 or a multiple of 2 up to 16."""
    custom_disk_size: int | None = None
    """With CUSTOM_SIZE: GiB, a multiple of 2 from 2 to 64."""
    custom_gb_memory: int | None = None
    """With CUSTOM_SIZE: GiB, 1 or a multiple of 2 up to 64, from 2 to 8 for each CPU."""
    lifecycle: LifecycleConfiguration | None = None
    network_policy_id: Text | None = None
    provisioning_tier: Text | None = None
    required_services: list[Text] | None = None
    resource_size_request: Text | None = None
    """X_SMALL, SMALL (where absent), MEDIUM, LARGE, X_LARGE, XX_LARGE or CUSTOM_SIZE."""
    user_parameters: UserParameters | None = None
    """The user's name and number in the devbox; user, 1000 where absent. Never root."""


class ScenarioEnvironment(FormatModel):
    """The devbox that a run of the scenario gets."""

    working_directory: Text | None = None
    """Absolute; where the files are laid out and commands start; /home/user/work where absent."""
    launch_parameters: LaunchParameters | None = None
    blueprint_id: Text | None = None
    snapshot_id: Text | None = None


class ScenarioDocument(FormatModel):
    """A scenario: what is to be solved, where, and how it is scored."""

    format: Literal["1"]
    """The version of this format."""
    name: Text
    """What people call the scenario."""
    input_context: InputContext = Field(default_factory=InputContext)
    environment: ScenarioEnvironment | None = None
    scoring_contract: ScoringContract
    reference_output: Text | None = None
    """A patch or bash commands that solve it; never shown to a solver. reference.patch or reference.sh where absent."""
    reference_output_file: TextFile | None = None
    validation_type: ValidationType | None = None
    """How the reference output proves the scorers right."""
    metadata: dict[str, Text] = Field(default_factory=dict)
    """Choices and remarks, as text: summary, tags, difficulty, minutes, scoring, disclosure, protected, …"""
    requires: list[Text] | None = None
    """Programs that the devbox must have."""
    required_environment_variables: list[Text] | None = None
    """Environment variables that whoever starts a run must give."""
    required_secret_names: list[Text] | None = None
    """Secrets that whoever starts a run must give."""
    scorer_timeout_sec: int | None = Field(default=None, gt=0)
    """Seconds that all scorers together may take; 1800 where absent."""
