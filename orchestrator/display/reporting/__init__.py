"""Reporting the progress of a run while it lasts: as a live view, as plain lines, or as JSON lines."""
