"""Selection among the trials of a store: the Pareto front, its knee and its hypervolume.

Trials are selected on the selection half of the test images alone; the selected ones are reported on the report half.
"""

from prunesweep.orchestrator.selection.front import Front, select_front
from prunesweep.orchestrator.selection.objectives import OBJECTIVES

__all__ = ["OBJECTIVES", "Front", "select_front"]
