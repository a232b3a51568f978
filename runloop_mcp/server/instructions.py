"""What a model knows before it has loaded any tool: many clients show it only this and the names of the tools."""

from runloop_mcp.api.access import Principal

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


_OF_ONE_RUN = """\
Solve one coding scenario in an isolated devbox and get a trusted score. Your run is {run_id}; it has been started.
1. get_run(run_id="{run_id}") shows it; list_scenarios names its scenario, get_scenario shows the problem.
2. Work in its devbox only: exec_on_devbox(run_id, command) runs bash; read_file, write_file and edit_file handle \
files. The client's own files and shell are not part of the scenario. As a rule there is no network inside.
3. A command over 20 s runs on: get_execution waits for it, pages or searches its output, or kills it.
4. Test your work there, then score_run(run_id): once, final, by scorers you cannot see. \
get_score waits for the score or shows it again.
5. complete_run ends the scored run; cancel_run gives up without a score.
Time is limited; replies say what is left. Errors say what is valid and which call comes next."""


def instructions_for(principal: Principal) -> str:
    """What a model is told: one that is bound to a run, how to go on with it."""
    return INSTRUCTIONS if principal.run_id is None else _OF_ONE_RUN.format(run_id=principal.run_id)
