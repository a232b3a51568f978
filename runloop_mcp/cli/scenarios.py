"""`runloop-mcp scenarios list|show|new|schema`. A person at the command line sees all of a scenario."""

import anyio
import click

from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioStatus, ScenarioView
from runloop_mcp.api.reference import reference_kind
from runloop_mcp.cli.lookup import all_scenarios, find_scenario
from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.scaffold import new_command
from runloop_mcp.cli.settings import Settings, load_settings
from runloop_mcp.cli.terminal import console, print_json, print_table, say
from runloop_mcp.cli.wiring import backend_for, folder_problems
from runloop_mcp.devbox.port import DEFAULT_WORKING_DIRECTORY
from runloop_mcp.engine.scenarios.schema import SCHEMA_FILE


@click.group()
def scenarios() -> None:
    """List and show scenarios, and begin one of your own."""


scenarios.add_command(new_command)


@scenarios.command("list")
@click.option("--query", metavar="WORDS", help="Words that must all occur.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="A tag that it must carry; repeatable.")
@click.option("--archived", is_flag=True, help="Archived ones too.")
@backend_options
@json_option
def list_command(
    *, flags: dict[str, object], query: str | None, tags: tuple[str, ...], archived: bool, as_json: bool
) -> None:
    """The scenarios that there are."""
    params = ScenarioListParams(
        search=query, tags=list(tags) or None, status=None if archived else ScenarioStatus.ACTIVE
    )
    found, unloadable = anyio.run(_list, load_settings(**flags), params)
    if unloadable:
        say(f"Not listed, because they can't be loaded: {', '.join(unloadable)}. runloop-mcp validate says why.")
    if as_json:
        print_json(found)
        return
    if not found:
        say("No scenario matches." if query or tags else "There are no scenarios.")
        return
    # The name is what people go by; the id stands beside it where a name does not tell two scenarios apart.
    alike = len({each.name for each in found}) < len(found)
    rows = [
        (
            each.name,
            *([each.id] if alike else []),
            each.metadata.get("difficulty", "-"),
            each.metadata.get("tags", "-").replace(",", ", "),
            _summary(each) + _unavailable(each),
        )
        for each in found
    ]
    print_table(("name", *(["id"] if alike else []), "difficulty", "tags", "summary"), rows)


async def _list(settings: Settings, params: ScenarioListParams) -> tuple[list[ScenarioView], list[str]]:
    """The scenarios, and the folders that could not be loaded."""
    async with backend_for(settings) as backend:
        found = [scenario async for scenario in all_scenarios(backend, params)]
        return found, [problem.folder or str(problem.path) for problem in await folder_problems(backend)]


def _summary(scenario: ScenarioView) -> str:
    lines = scenario.input_context.problem_statement.strip().splitlines() or [""]
    return scenario.metadata.get("summary") or lines[0].lstrip("# ")


def _unavailable(scenario: ScenarioView) -> str:
    missing = scenario.x_missing_programs
    return f" Unavailable: {', '.join(missing)} not found." if missing else ""


@scenarios.command("show", short_help="One scenario: problem, scoring contract, environment.")
@click.argument("scenario")
@backend_options
@json_option
def show_command(*, flags: dict[str, object], scenario: str, as_json: bool) -> None:
    """One scenario, by its name or id: the problem, the scoring contract, the environment.

    With --json also what no solver sees: the reference output, and the scorers with their files.
    """
    found = anyio.run(_show, load_settings(**flags), scenario)
    if as_json:
        print_json(found)
    else:
        _draw(found)


async def _show(settings: Settings, called: str) -> ScenarioView:
    async with backend_for(settings) as backend:
        return await find_scenario(backend, called)


def _draw(scenario: ScenarioView) -> None:
    from rich.markdown import Markdown
    from rich.rule import Rule

    drawn = console()
    drawn.print(f"{scenario.name}  {scenario.id}  {scenario.status}", style="bold", markup=False)
    drawn.print(_summary(scenario), style="dim", markup=False)
    drawn.print(Rule("Problem", style="dim"))
    problem = scenario.input_context.problem_statement
    if drawn.is_terminal:
        drawn.print(Markdown(problem))
    else:
        click.echo(problem)
    drawn.print(Rule("Scoring contract", style="dim"))
    functions = scenario.scoring_contract.scoring_function_parameters
    print_table(
        ("function", "weight", "scorer"), [(each.name, f"{each.weight:.4g}", each.scorer.type) for each in functions]
    )
    drawn.print(Rule("Environment", style="dim"))
    print_table(("what", "value"), _environment(scenario))
    if drawn.is_terminal:
        drawn.print("The reference output and the scorers stand in the output of --json.", style="dim")


@scenarios.command("schema")
def schema_command() -> None:
    """The JSON schema of scenario.yaml, for editors."""
    click.echo(SCHEMA_FILE.read_text(encoding="utf-8"), nl=False)


def _environment(scenario: ScenarioView) -> list[tuple[str, str]]:
    environment = scenario.environment
    launch = environment.launch_parameters if environment else None
    metadata = scenario.metadata
    names_place = environment is not None and environment.working_directory is not None
    rows = [
        ("tags", metadata.get("tags", "").replace(",", ", ")),
        ("difficulty", metadata.get("difficulty")),
        ("minutes", metadata.get("minutes")),
        ("working directory", (environment and environment.working_directory) or DEFAULT_WORKING_DIRECTORY),
        ("launch commands", "; ".join(launch.launch_commands or []) if launch else None),
        ("requires", metadata.get("requires")),
        ("not found", ", ".join(scenario.x_missing_programs or [])),
        ("required variables", ", ".join(scenario.required_environment_variables or [])),
        ("required secrets", ", ".join(scenario.required_secret_names or [])),
        ("validation", f"{scenario.validation_type or 'FORWARD'}, reference: {reference_kind(scenario)}"),
        (
            "scoring",
            metadata.get("scoring") or ("clean" if names_place else "clean; fork where it was made over the API"),
        ),
        ("disclosure", metadata.get("disclosure", "named")),
        ("protected files", metadata.get("protected")),
        ("most commands", metadata.get("max_commands")),
        ("most attempts", metadata.get("max_attempts")),
    ]
    return [(name, value) for name, value in rows if value]
