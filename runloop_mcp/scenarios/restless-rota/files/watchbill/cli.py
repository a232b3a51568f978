"""The command line: watchbill WEEK…"""

import argparse
import sys
from pathlib import Path

from watchbill.bill import text
from watchbill.planner import plan
from watchbill.week import BadWeek, read


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 where a week can't be read."""
    parser = argparse.ArgumentParser(prog="watchbill", description="Who stands which watch at a lifeboat station.")
    parser.add_argument("weeks", type=Path, nargs="+", metavar="WEEK", help="a file with people, cars and watches")
    options = parser.parse_args(arguments)
    try:
        bills = [text(plan(read(path))) for path in options.weeks]
    except (BadWeek, OSError, UnicodeDecodeError) as error:
        print(f"watchbill: {error}", file=sys.stderr)
        return 2
    sys.stdout.write("\n".join(bills))
    return 0
