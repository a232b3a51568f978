import sys

from fieldbox.session import Session

Session(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer).run()
