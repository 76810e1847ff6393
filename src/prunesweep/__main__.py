"""Run the command line: ``python -m prunesweep`` is the same as ``prunesweep``."""

import os
import sys

if sys.path[:1] in ([""], [os.getcwd()]):
    # Python puts the working folder first, so that a user's own torch.py in it would be imported instead of torch.
    del sys.path[0]

from prunesweep.orchestrator.cli import main

if __name__ == "__main__":
    main()
