"""Lifecycles over a wire that breaks: what is asked for happens, once, and no score is another than the engine's."""

from collections.abc import Callable
from pathlib import Path

from fault_proxy import Fault
from lifecycles import carry_out


async def test_every_lifecycle_comes_to_its_end_once(tmp_path: Path, with_tools: Callable[[Path], Path]) -> None:
    """No run is started twice or lost, no command runs twice, no score differs, and nobody hammers the server."""
    with_tools(tmp_path / "sandbox")
    summary = await carry_out(tmp_path, count=15, at_once=4)
    said = "\n".join(summary.lines())
    assert set(summary.injected) == set(Fault), said
    assert summary.runs_there == len({outcome.run_id for outcome in summary.outcomes}) == 15, said
    assert {outcome.state for outcome in summary.outcomes} == {"completed"}, said
    assert summary.wrong_scores == [], said
    assert summary.asked <= summary.most_asked, said
