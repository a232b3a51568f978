"""Adds up payments by name."""

import sys

totals = {}
for line in open(sys.argv[1]):
    name, _, amount = line.strip().partition(",")
    if amount.isdigit():
        totals[name] = int(amount)
for name in sorted(totals):
    print(name, totals[name])
