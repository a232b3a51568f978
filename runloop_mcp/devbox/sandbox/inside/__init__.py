"""What runs in and beside the box, under the host's `/usr/bin/python3`: standard library only, nothing of the package.

The modules are copied to the state folder and compiled there for that Python (see `tools`), and started as

    keeper       drops root, makes the namespaces, forks pid 1; then stays outside with the box's rights, to copy its
                 disk and to end it
    supervisor   pid 1: builds the box's root, drops every right, then starts processes and opens files on request
"""
