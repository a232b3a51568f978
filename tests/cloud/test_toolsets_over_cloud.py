"""The tools of authors, benchmarks and operators over the cloud backend, against a wire with nothing of ours in it."""

from collections.abc import Callable
from pathlib import Path

from mcp.client import Client
from mcp_types import TextContent
from test_mcp_over_cloud import called, found, over_the_wire, plain, scenario

from runloop_mcp.server.app import build_server
from runloop_mcp.server.background import Background
from runloop_mcp.server.services import Services
from runloop_mcp.server.surface import surface
from runloop_mcp.validation.prover import ScenarioProver


async def test_an_idea_becomes_a_scenario_of_a_benchmark(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """Devbox, snapshot, scenario, proof, benchmark run and total; what the cloud can't do says what can."""
    with_tools(tmp_path / "sandbox")
    background = Background()
    services = Services(background, ScenarioProver())
    async with over_the_wire(tmp_path, plain) as (backend, _), background:
        server = build_server(backend, surface=surface(["all"]), services=services)
        async with Client(server) as client:
            devbox_id = found(r"dbx_\w+", await called(client, "create_devbox"))
            await called(client, "exec_on_devbox", run_id=devbox_id, command="mkdir -p ~/work; echo hi > ~/work/hint")
            snapshot_id = found(r"snp_\w+", await called(client, "snapshot_devbox", devbox_id=devbox_id))
            assert snapshot_id in await called(client, "list_snapshots")
            assert "is shut down" in await called(client, "shutdown_devbox", devbox_id=devbox_id)
            contract = scenario().scoring_contract.model_dump(mode="json", exclude_none=True)
            made = await called(
                client,
                "create_scenario",
                name="greeting",
                problem_statement="Say hello in greeting.txt.",
                scoring_functions=contract["scoring_function_parameters"],
                snapshot_id=snapshot_id,
                working_directory="/home/user/work",
                reference_output="echo hello > greeting.txt",
            )
            scenario_id = found(r"scn_\w+", made)
            proven = await called(client, "validate_scenario", scenario_id=scenario_id, cheats=False)
            while proven.startswith("pending"):
                proven = await called(client, "validate_scenario", scenario_id=scenario_id, cheats=False)
            assert proven.startswith("valid"), proven
            assert "echo hello" in await called(client, "get_scenario_definition", scenario_id=scenario_id)

            benchmark = await called(client, "create_benchmark", name="few", scenario_ids=["greeting"])
            benchmark_id = found(r"bmd_\w+", benchmark)
            whole = found(r"bmr_\w+", await called(client, "start_benchmark_run", benchmark_id=benchmark_id))
            started = await called(client, "start_run", scenario_id=scenario_id, benchmark_run_id=whole)
            run_id = found(r"scr_\w+", started)
            await called(client, "write_file", run_id=run_id, path="greeting.txt", content="hello\n")
            await called(client, "score_run", run_id=run_id)
            assert "1 are scored" in await called(client, "get_benchmark_run", benchmark_run_id=whole)
            assert "Score: 1.0" in await called(client, "complete_benchmark_run", benchmark_run_id=whole)
            assert "write_file" in await called(client, "get_run_log", run_id=run_id)
            assert run_id in await called(client, "list_devboxes")
            refused = await client.call_tool("rescore_run", {"run_id": run_id})
            (said,) = refused.content
            assert refused.is_error
            assert isinstance(said, TextContent)
            assert "--backend local" in said.text
            for tool in ("list_secrets", "list_scorers", "list_blueprints", "list_benchmark_runs", "list_benchmarks"):
                await called(client, tool)
