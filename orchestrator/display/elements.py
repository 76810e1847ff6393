"""The analysis of single elements: its progress as lines, and its loss curves of one network as a table."""

from dataclasses import replace

import pandas as pd

from prunesweep.orchestrator.analyses.loss_curves import HOW_TO_READ, loss_frame
from prunesweep.orchestrator.display.frame import frame_view
from prunesweep.orchestrator.display.table_view import TableView
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.events import ElementsEvent, ImagesEvaluated
from prunesweep.sweeps.words import counted


def loss_curves_view(curves: pd.DataFrame) -> TableView:
    """Return the loss curves of one network as a table, with one row per attack and one column per loss budget.

    Args:
        curves: rows of one trial and one structure (filters or layers), as ``loss_curves`` returns them.
    """
    first = curves.iloc[0]
    title = (
        f"{counted(first['elements'], first['structure'].removesuffix('s'))} of {first['trial_key'][:KEY_DIGITS]}, "
        f"{counted(first['images'], 'test image')}"
    )
    shown = frame_view(
        loss_frame(curves).drop(columns=["structure", "elements", "images"]),
        title=title,
        notes=(f"In %: {HOW_TO_READ}.",),
    )
    return replace(shown, frame=curves)


def describe_progress(event: ElementsEvent) -> str:
    """Return an event of the analysis of single elements as one line of text."""
    if isinstance(event, ImagesEvaluated):
        first, last = event.modules[0], event.modules[-1]
        where = first if first == last else f"{first} to {last}"
        return f"  {where}: {event.images} of {counted(event.total, 'image')}"
    took = f"{event.seconds:.1f} s" if event.seconds else "stored already"
    return f"[{event.done}/{event.total}] {event.module}: {counted(event.elements, 'element')}, {took}"
