"""The asynchronous client: several runs at once, streaming, and pages."""

import asyncio
import sys

from told import async_sdk, tell


async def main() -> None:
    """Solves and scores."""
    runloop = async_sdk()
    tag = sys.argv[1]
    builder = runloop.scenario.builder(f"async-{tag}").with_problem_statement("Write done to out.txt.")
    builder.with_working_directory("/home/user/work").add_shell_command_scorer(
        "is_done", command="grep -qx done out.txt"
    )
    scenario = await builder.push()

    async def solve(number: int) -> list[object]:
        run = await scenario.run(run_name=f"run {number}")
        heard: list[str] = []

        command = "echo done > work/out.txt; echo heard" if number % 2 else "echo heard"
        result = await run.devbox.cmd.exec(command, stdout=heard.append)
        scored = await run.score_and_complete()
        return [result.exit_code, "".join(heard).strip(), scored.state, scored.scoring_contract_result.score]

    results = await asyncio.gather(*(solve(number) for number in range(3)))
    listed = [each.name async for each in runloop.api.scenarios.runs.list(scenario_id=scenario.id, limit=1)]
    await runloop.aclose()
    tell(results=results, listed=sorted(listed))


asyncio.run(main())
