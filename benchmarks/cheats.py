"""Every cheat on every bundled scenario, as a table: how many it won, and how many it was tried on.

python benchmarks/cheats.py                      all scenarios, a quarter of an hour; exit status 1 when a cheat wins
python benchmarks/cheats.py three-depots         these
python benchmarks/cheats.py --from FILE          from what `runloop-mcp validate --json` printed
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any


def validated(scenarios: list[str]) -> dict[str, Any]:
    """What `validate` finds."""
    with tempfile.TemporaryDirectory(prefix="runloop-mcp-cheats-", ignore_cleanup_errors=True) as state:
        command = [sys.executable, "-m", "runloop_mcp", "validate", "--repeat", "1", "--json", "--state-dir", state]
        result = subprocess.run([*command, *scenarios], stdout=subprocess.PIPE, check=False)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--from", dest="source", type=Path)
    arguments = parser.parse_args()
    found = json.loads(arguments.source.read_text()) if arguments.source else validated(arguments.scenarios)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    notable: dict[str, list[str]] = defaultdict(list)
    for scenario in found["scenarios"]:
        for attempt in scenario["attempts"]:
            counts[attempt["cheat"]][attempt["outcome"]] += 1
            if attempt["outcome"] not in ("held", "not applicable"):
                notable[attempt["cheat"]].append(f"{scenario['name']} {attempt['outcome']} {attempt['score']}")
    print(f"{'cheat':22} {'won':>4} {'a part':>7} {'nothing':>8} {'not applicable':>15} {'no score':>9}")
    for cheat, number in counts.items():
        columns = f"{number['won']:>4} {number['raised']:>7} {number['held']:>8} {number['not applicable']:>15}"
        print(f"{cheat:22} {columns} {number['error']:>9}  {', '.join(notable[cheat])}")
    total = sum(counts.values(), Counter[str]())
    unproven = [f"{each['name']}: {each['verdict']}: {each['reason']}" for each in found["scenarios"]]
    wins, scenarios = total["won"], len(found["scenarios"])
    print(f"\n{len(counts)} cheats x {scenarios} scenarios, {total.total()} cells: {wins} wins")
    if not found["valid"]:
        print(*(line for line in unproven if ": valid: " not in line), sep="\n")
    sys.exit(0 if found["valid"] else 1)


if __name__ == "__main__":
    main()
