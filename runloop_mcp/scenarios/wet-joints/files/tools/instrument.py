"""Plays the instrument for one cable, runs wetjoints.py against it and counts the measurements."""

import argparse
import pathlib
import subprocess
import sys


def measured(word, numbers, joints, wet):
    """What the instrument answers to one line."""
    if word != "measure" or len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        return "error"
    first, last = map(int, numbers)
    if not 1 <= first <= last <= joints:
        return "error"
    return "wet" if any(first <= joint <= last for joint in wet) else "dry"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--joints", type=int, required=True, help="how many joints the cable has")
    parser.add_argument("--wet", default="", help="the wet ones, separated by commas")
    parser.add_argument("--show", action="store_true", help="show each measurement")
    arguments = parser.parse_args()
    wet = {int(number) for number in arguments.wet.split(",") if number}
    program = pathlib.Path(__file__).resolve().parent.parent / "wetjoints.py"
    with subprocess.Popen(
        [sys.executable, str(program), str(arguments.joints)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        count = 0
        for line in process.stdout:
            word, *numbers = line.split() or [""]
            if word == "joints":
                found = [int(number) for number in numbers]
                print(f"{'right' if found == sorted(wet) else 'WRONG'} after {count} measurements: {found}")
                break
            count += 1
            answer = measured(word, numbers, arguments.joints, wet)
            if arguments.show or answer == "error":
                print(f"{count}: {line.strip()} {answer}")
            process.stdin.write(answer + "\n")
            process.stdin.flush()
        else:
            print(f"WRONG: it ended without naming the joints, after {count} measurements")


if __name__ == "__main__":
    main()
