"""Selection among the trials of a store: the Pareto front, its knee and its hypervolume.

Trials are selected by their results on one half of the test images, the selection half. The results of the selected
trials are reported on the other half, the report half.
"""

from prunesweep.orchestrator.selection.front import Front, select_front
from prunesweep.orchestrator.selection.objectives import OBJECTIVES

__all__ = ["OBJECTIVES", "Front", "select_front"]
