"""The command line."""

import importlib
import sys

COMMANDS = ("switch", "fade", "group", "survey", "night")


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: lamps {'|'.join(COMMANDS)} ...")
    command = importlib.import_module(f"lamps.{sys.argv[1]}")
    sys.exit(command.run(sys.argv[2:]))
