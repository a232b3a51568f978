"""The command line."""

import argparse
import sys
from pathlib import Path

from quaypower import statement
from quaypower.billing import bill
from quaypower.readings import BadReadings, intervals, read
from quaypower.tariff import BadTariff, load


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 where the input cannot be billed."""
    parser = argparse.ArgumentParser(prog="quaypower", description="Shore-power statements from pedestal counters.")
    commands = parser.add_subparsers(required=True)
    billing = commands.add_parser("bill", help="print the statement for one pedestal")
    billing.add_argument("--tariff", type=Path, required=True, help="the tariff's JSON file")
    billing.add_argument("--json", action="store_true", help="print JSON")
    billing.add_argument("readings", type=Path, help="the logger's CSV, named pedestal-<id>.csv")
    options = parser.parse_args(arguments)
    try:
        tariff = load(options.tariff)
        with options.readings.open(encoding="utf-8", newline="") as lines:
            result = bill(intervals(read(lines)), tariff)
    except (BadReadings, BadTariff, OSError) as error:
        print(f"quaypower: {error}", file=sys.stderr)
        return 2
    if result is None:
        print("quaypower: a statement needs two readings", file=sys.stderr)
        return 2
    pedestal = options.readings.stem.removeprefix("pedestal-")
    print((statement.as_json if options.json else statement.as_text)(pedestal, result))
    return 0
