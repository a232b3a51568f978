"""A thousand lifecycles over a wire that breaks every tenth answer, and what became of them; status 1 if wrong.

python benchmarks/faults.py [COUNT]
"""

import sys
import tempfile
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "cloud"))

from lifecycles import Summary, carry_out


def main() -> int:
    """Carries them out."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="runloop-faults-") as folder:
        summary = anyio.run(_run, Path(folder), count)
    print("\n".join(summary.lines()))
    done = {outcome.run_id for outcome in summary.outcomes if outcome.state == "completed"}
    right = (
        len(done) == summary.runs_there == count and not summary.wrong_scores and summary.asked <= summary.most_asked
    )
    print("all as it should be" if right else "\n".join(["NOT as it should be", *summary.wrong_scores[:10]]))
    return 0 if right else 1


async def _run(folder: Path, count: int) -> Summary:
    return await carry_out(folder, count=count, at_once=8)


if __name__ == "__main__":
    sys.exit(main())
