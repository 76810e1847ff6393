"""Rendering the analysis of single elements for a terminal: its progress, and its loss curves of one network."""

import pandas as pd
from rich.table import Table

from prunesweep.orchestrator.analyses.loss_curves import HOW_TO_READ, loss_frame
from prunesweep.orchestrator.display.frame import render_frame
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.events import ElementsEvent, ImagesEvaluated
from prunesweep.sweeps.words import counted


def render_loss_curves(curves: pd.DataFrame) -> Table:
    """Return a view of the loss curves of one network, with one row per attack and one column per loss budget.

    Args:
        curves: rows of one trial and one structure (filters or layers), as ``loss_curves`` returns them.
    """
    first = curves.iloc[0]
    title = (
        f"{counted(first['elements'], first['structure'].removesuffix('s'))} of {first['trial_key'][:KEY_DIGITS]}, "
        f"{counted(first['images'], 'test image')}"
    )
    table = render_frame(loss_frame(curves).drop(columns=["structure", "elements", "images"]), title=title)
    table.caption = f"In %: {HOW_TO_READ}."
    return table


def describe_progress(event: ElementsEvent) -> str:
    """Return an event of the analysis of single elements as one line of text."""
    if isinstance(event, ImagesEvaluated):
        first, last = event.modules[0], event.modules[-1]
        where = first if first == last else f"{first} to {last}"
        return f"  {where}: {event.images} of {counted(event.total, 'image')}"
    took = f"{event.seconds:.1f} s" if event.seconds else "stored already"
    return f"[{event.done}/{event.total}] {event.module}: {counted(event.elements, 'element')}, {took}"
