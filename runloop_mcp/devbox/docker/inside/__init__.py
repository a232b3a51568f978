"""What runs in a container as its pid 1, under the image's `python3`: standard library only, nothing of the package.

loader   takes the code from its standard input, and begins
agent    the sandbox's supervisor, which here speaks over one stream of bytes instead of a socket that passes
         descriptors
"""
