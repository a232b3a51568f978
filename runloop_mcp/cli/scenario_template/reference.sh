cat > totals.py <<'PROGRAM'
"""Adds up payments by name."""

import collections
import sys

totals = collections.Counter()
for line in open(sys.argv[1]):
    if line.strip():
        name, _, amount = line.strip().partition(",")
        totals[name] += int(amount)
for name in sorted(totals):
    print(name, totals[name])
PROGRAM
