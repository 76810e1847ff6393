"""Everything that is drawn on a terminal or printed as JSON."""
