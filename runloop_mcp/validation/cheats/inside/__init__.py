"""Programs that cheat, run in a devbox by its own Python: nothing here is ever run on the host.

Each module has `cheat(situation)`, which says what it did, and raises `NotApplicable` where there is nothing to do it
with. They import the standard library and the modules of this folder, and no more.
"""
