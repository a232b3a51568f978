import sys

from watchbill.cli import main

sys.exit(main())
