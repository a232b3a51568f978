import sys

from quaypower.cli import main

sys.exit(main())
