"""Minimum column widths that several views share."""

MIN_NUMBER_WIDTH = 7  # enough for every number to stay on one line
MIN_NAME_WIDTH = 12  # the column that describes a network, on a narrow terminal
