"""What a run of a scenario takes over from the run of a benchmark that it belongs to."""

from sqlite3 import Connection

from runloop_mcp.api.errors import InvalidRequest, InvalidState
from runloop_mcp.api.models.run import RunProfile, StartRunParams
from runloop_mcp.api.models.scenario import LaunchParameters


def profile_of(connection: Connection, params: StartRunParams) -> RunProfile:
    """What a run begins with: what it says itself, and where it says nothing, what its benchmark run says.

    Variables, secrets and launch parameters are looked at one by one; mounts and purpose as a whole.

    Raises:
        NotFound: There is no such benchmark run.
        InvalidState: It has ended.
        InvalidRequest: The scenario is none of its.
    """
    own = params.run_profile or RunProfile()
    if params.benchmark_run_id is None:
        return own
    from runloop_mcp.api.models.benchmark import BenchmarkRunState  # noqa: PLC0415 - few runs need it
    from runloop_mcp.engine.store import benchmark_runs  # noqa: PLC0415 - likewise

    row = benchmark_runs.get(connection, params.benchmark_run_id)
    if row.state is not BenchmarkRunState.RUNNING:
        raise InvalidState(
            f"The benchmark run {row.id} is {row.state}, so nothing is started in it any more.",
            hint="Start a new run of the benchmark.",
        )
    if params.scenario_id not in row.data.scenario_ids:
        raise InvalidRequest(
            f"The scenario {params.scenario_id} is none of those of benchmark run {row.id}.",
            hint="Add it to the benchmark and start a new run of that, or leave benchmark_run_id out.",
        )
    given = row.data.profile
    return RunProfile(
        env_vars={**(given.env_vars or {}), **(own.env_vars or {})},
        secrets={**(given.secrets or {}), **(own.secrets or {})},
        launch_parameters=_merged(given.launch_parameters, own.launch_parameters),
        mounts=given.mounts if own.mounts is None else own.mounts,
        purpose=given.purpose if own.purpose is None else own.purpose,
    )


def _merged(given: LaunchParameters | None, own: LaunchParameters | None) -> LaunchParameters | None:
    if given is None or own is None:
        return own or given
    said = {name: value for name, value in own if value is not None}
    return given.model_copy(update=said)
