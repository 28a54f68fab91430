"""`python -m vadbench` is the command `vadbench`."""

import sys

from vadbench.cli import main

sys.exit(main())
