"""What a model knows before it has loaded any tool: many clients show it only this and the names of the tools."""

from runloop_mcp.api.access import Principal
from runloop_mcp.server.surface import CORE, SOLVERS_TOOLS, Surface, is_for

INSTRUCTIONS = """\
Solve coding scenarios in isolated devboxes and get a trusted score.
1. list_scenarios(query, tags) finds one; get_scenario shows its problem.
2. start_run(scenario_id) gives a run_id, a ready devbox and the problem statement.
3. Work in that devbox only: exec_on_devbox(run_id, command) runs bash; read_file, write_file and edit_file handle \
files. The client's own files and shell are not part of the scenario. As a rule there is no network inside.
4. A command over 20 s runs on: get_execution waits for it, pages or searches its output, or kills it.
5. Test your work there, then score_run(run_id): once, final, by scorers you cannot see. \
get_score waits for the score or shows it again.
6. complete_run ends a scored run and frees its devbox; cancel_run gives up without a score.
Keep the run_id: a run outlives reconnects and restarts (list_runs, get_run). Time is limited; replies say what is \
left. Errors say what is valid and which call comes next."""


_ONE_RUN = """\
Solve one coding scenario in an isolated devbox and get a trusted score. Your run is {run_id}; it has been started."""
_OF_ONE_RUN = f"""\
{_ONE_RUN}
1. get_run(run_id="{{run_id}}") shows it; list_scenarios names its scenario, get_scenario shows the problem.
2. Work in its devbox only: exec_on_devbox(run_id, command) runs bash; read_file, write_file and edit_file handle \
files. The client's own files and shell are not part of the scenario. As a rule there is no network inside.
3. A command over 20 s runs on: get_execution waits for it, pages or searches its output, or kills it.
4. Test your work there, then score_run(run_id): once, final, by scorers you cannot see. \
get_score waits for the score or shows it again.
5. complete_run ends the scored run; cancel_run gives up without a score.
Time is limited; replies say what is left. Errors say what is valid and which call comes next."""


_SOLVE = """\
Solve: list_scenarios, get_scenario, start_run(scenario_id) gives a run_id and a devbox; work there only, with \
exec_on_devbox, read_file, write_file, edit_file, and get_execution for commands over 20 s; then score_run (once, \
final), complete_run. cancel_run gives up. Keep the run_id: runs outlive reconnects (list_runs, get_run)."""

_AUTHOR = """\
Author: create_devbox, set it up with exec_on_devbox and write_file (its dbx_ id as run_id), snapshot_devbox, \
create_scenario from the snapshot_id with scoring functions and a reference, validate_scenario until it is valid."""

_BENCHMARK = """\
Benchmark: start_benchmark_run, start_run of each scenario with its benchmark_run_id, get_benchmark_run tells what is \
left, complete_benchmark_run gives the total."""

_ADMIN = "Operate: list_runs, get_run_log, rescore_run, list_devboxes, shutdown_devbox."

_END = "Errors say what is valid and which call comes next."

_PARTS = (("core", _SOLVE), ("author", _AUTHOR), ("benchmark", _BENCHMARK), ("admin", _ADMIN))


def instructions_for(principal: Principal, surface: Surface = CORE) -> str:
    """What a model is told: one that is bound to a run, how to go on with it; others, what is on. Only of its tools."""
    tools = tuple(name for name in surface.tools if is_for(principal, name))
    listed = f"The tools: {', '.join(tools)}. {_END}"
    if principal.run_id is not None:
        if set(SOLVERS_TOOLS) <= set(tools):
            return _OF_ONE_RUN.format(run_id=principal.run_id)
        return f"{_ONE_RUN.format(run_id=principal.run_id)} {listed}"
    if tools == CORE.tools:
        return INSTRUCTIONS
    begin = "Coding scenarios in isolated devboxes, with trusted scores."
    on = [part for toolset, part in _PARTS if surface.offers_all_of(toolset, principal)]
    if surface.read_only or not on:
        return f"{begin}{' Nothing can be changed here.' if surface.read_only else ''} {listed}"
    return "\n".join([begin, *on, _END])
