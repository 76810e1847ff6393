"""Run the command line: ``python -m prunesweep`` is ``prunesweep``."""

import os
import sys

if sys.path[:1] in ([""], [os.getcwd()]):
    # Python puts the working folder first, and a user's own torch.py that lies there would be imported for torch.
    del sys.path[0]

from prunesweep.orchestrator.cli import main

if __name__ == "__main__":
    main()
