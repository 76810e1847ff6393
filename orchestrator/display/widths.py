"""Widths of columns that several tables share."""

FIGURE_WIDTH = 7  # so that no number is broken


NAME_WIDTH = 12  # of the column that names a network, on however narrow a terminal
