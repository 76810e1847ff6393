"""Draws single elements: how a measurement goes, and the curves of one network."""

import pandas as pd
from rich.table import Table

from prunesweep.orchestrator.analyses.loss_curves import HOW_TO_READ, loss_frame
from prunesweep.orchestrator.display.frame import frame_table
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.events import ElementsEvent, ImagesShown
from prunesweep.sweeps.words import counted


def loss_table(curves: pd.DataFrame) -> Table:
    """What ``prunesweep elements`` prints: the curves of one network and structure."""
    first = curves.iloc[0]
    title = (
        f"{counted(first['elements'], first['structure'].removesuffix('s'))} of {first['trial_key'][:KEY_DIGITS]}, "
        f"{counted(first['images'], 'test image')}"
    )
    table = frame_table(loss_frame(curves).drop(columns=["structure", "elements", "images"]), title=title)
    table.caption = f"In %: {HOW_TO_READ}."
    return table


def progress_line(event: ElementsEvent) -> str:
    """Return what ``prunesweep.workers.analyses.elements.measure_elements`` tells of its progress, in words."""
    if isinstance(event, ImagesShown):
        first, last = event.modules[0], event.modules[-1]
        where = first if first == last else f"{first} to {last}"
        return f"  {where}: {event.images} of {counted(event.of, 'image')}"
    took = f"{event.seconds:.1f} s" if event.seconds else "stored already"
    return f"[{event.done}/{event.of}] {event.module}: {counted(event.elements, 'element')}, {took}"
