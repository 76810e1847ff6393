"""Run the command line: ``python -m prunesweep`` is ``prunesweep``."""

from prunesweep.orchestrator.cli import main

if __name__ == "__main__":
    main()
