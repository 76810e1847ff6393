"""Choosing among the trials of a store: the Pareto front, its knee and its hypervolume.

Only the selection half of the test images is read to choose; the report half tells how good the choice is.
"""

from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.selection.front import Front, select_front
from prunesweep.orchestrator.selection.objectives import OBJECTIVES

__all__ = ["OBJECTIVES", "Front", "SelectionError", "select_front"]
