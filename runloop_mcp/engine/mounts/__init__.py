"""Mounts: what a devbox gets beside its base before its launch commands run, one module for each kind.

What needs a network (`code_mount`, agents that are installed) is put into a builder devbox that has one, and its disk
is kept as what the devbox then begins as. The rest is put into the devbox itself, once it has booted.
"""
