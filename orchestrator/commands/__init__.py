"""The commands of ``prunesweep``, one per module, each a thin layer over a function of the Python interface."""
