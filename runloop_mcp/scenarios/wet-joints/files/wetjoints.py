"""Finds the wet joints of a cable by asking the instrument."""

import sys


class Instrument:
    """The instrument at the other end of standard input and output."""

    def is_wet(self, first, last):
        """Whether at least one joint from `first` to `last` is wet."""
        print("measure", first, last, flush=True)
        answer = sys.stdin.readline().strip()
        if answer not in ("wet", "dry"):
            sys.exit(f"wetjoints: the instrument says {answer!r}")
        return answer == "wet"


def find_wet(joints, instrument):
    """The numbers of the wet joints, rising."""
    return [joint for joint in range(1, joints + 1) if instrument.is_wet(joint, joint)]


def main():
    joints = int(sys.argv[1])
    print("joints", *find_wet(joints, Instrument()), flush=True)


if __name__ == "__main__":
    main()
