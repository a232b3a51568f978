"""What runs in a Runloop devbox, under its `python3`: standard library only, nothing of the package.

loader   takes the code from the first line of its standard input, and begins
agent    the agent of a container, which here speaks in lines of text and is no pid 1
warden   the process beside each command, by which all that the command has started is found
family   processes by who started them
parcel   a directory tree as one file, packed and unpacked
furnish  lays out what a devbox begins as, in a process of its own
"""
