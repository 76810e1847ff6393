"""Main effects as tables, one per axis and figure under the same columns."""

from itertools import accumulate

import pandas as pd

from prunesweep.orchestrator.comparison.axis_effects import OVER_BASELINES, OVER_IMAGES, AxisEffects
from prunesweep.orchestrator.comparison.effects import MainEffects
from prunesweep.orchestrator.display.formats import frame_records
from prunesweep.orchestrator.display.statistics_cells import format_interval, format_size
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.descriptions import HASH_COLUMNS, KEY_DIGITS
from prunesweep.sweeps.words import counted, listed


def effects_view(found: MainEffects) -> TableView:
    """Return the main effects that ``main_effects`` returns as a table, with a heading above each axis and figure."""
    rows = [row for _, row in found.table.iterrows()]
    columns = [
        ViewColumn("value", [f"  {_short(row['axis'], row['value'])}" for row in rows]),
        _numbers("mean", [f"{row['mean']:+.2f}" for row in rows]),
        _numbers("95 % interval", [format_interval(row["low"], row["high"]) for row in rows], rank=1),
        _numbers("interval over", [_counted_interval(row) for row in rows], rank=4),
        _numbers("behind", [format_size(row["behind"]) for row in rows], rank=2),
        _numbers("its interval", [format_interval(row["behind_low"], row["behind_high"]) for row in rows], rank=3),
        _numbers(
            "flops",
            ["" if pd.isna(row["flops_share"]) else f"{100 * row['flops_share']:.0f} %" for row in rows],
            rank=5,
        ),
        _numbers("trials", [str(row["trials"]) for row in rows], rank=6),
    ]
    starts = accumulate((len(each.table) for each in found.effects), initial=0)
    headings = [_heading(each, names_figure=len({each.figure for each in found.effects}) > 1) for each in found.effects]
    return TableView(
        title=_title(found),
        columns=columns,
        frame=found.table,
        records=effects_records(found),
        notes=_notes(found),
        headings=dict(zip(starts, headings, strict=False)),
    )


def effects_records(found: MainEffects) -> dict[str, object]:
    """Return main effects as JSON values: the rows, what is known about each axis and figure, and what is left out."""
    return {
        "over": found.over,
        "images": found.images,
        "effects": frame_records(found.table),
        "axes": [_axis_record(each) for each in found.effects],
        "left_out": found.left_out,
        "without_match": list(found.without_match),
    }


def _axis_record(effects: AxisEffects) -> dict[str, object]:
    lead, matching = effects.lead, effects.matching
    return {
        "axis": effects.axis,
        "figure": effects.figure,
        "best": lead.best,
        "second": lead.second,
        "lead": lead.difference.mean,
        "lead_low": lead.difference.low,
        "lead_high": lead.difference.high,
        "is_clear": lead.is_clear,
        "sentence": effects.sentence,
        "interval": effects.interval,
        "matched": matching.trials,
        "matches": matching.matches,
        "unmatched": matching.unmatched,
        "not_compared": list(matching.left_out),
    }


def _numbers(heading: str, cells: list[str], *, rank: int = 0) -> ViewColumn:
    return ViewColumn(heading, cells, is_number=True, rank=rank)


def _short(axis: str, value: str) -> str:
    return value[:KEY_DIGITS] if axis in HASH_COLUMNS else value


def _counted_interval(row: pd.Series) -> str:
    """Return what the interval of a row is over: images, or how many baselines."""
    return counted(row["baselines"], "baseline") if row["interval"] == OVER_BASELINES else OVER_IMAGES


def _title(found: MainEffects) -> str:
    figures = listed(dict.fromkeys(each.figure for each in found.effects))
    half = "" if found.images == "all" else f", {found.images} half"
    return f"Gain in {figures} over the {found.over} on matched trials{half}, percentage points"


def _heading(effects: AxisEffects, *, names_figure: bool) -> str:
    return f"{effects.figure}: {effects.sentence}" if names_figure else effects.sentence


def _notes(found: MainEffects) -> list[str]:
    """Return what the columns mean, what cannot be told, and which trials are compared."""
    kinds = {each.interval for each in found.effects}
    notes = [
        "Matched trials have the same seed and the same settings, except in the axis. flops: share of the baseline's."
    ]
    if OVER_BASELINES in kinds:
        notes.append(
            "interval over baselines: t interval over the means per baseline, because trials that share a baseline are "
            "not independent."
        )
    if OVER_IMAGES in kinds:
        notes.append(
            "interval over images: for these networks on other images. Each value has only one baseline, so this "
            "cannot tell how other seeds would turn out."
        )
    notes.append("behind: the best value minus this one, on the same matches; its interval excludes 0 if they differ.")
    notes += dict.fromkeys(_matching_note(each) for each in found.effects)
    notes += [f"{axis}: it varies, but no two trials differ in it alone." for axis in found.without_match]
    return notes + [f"{count} left out: {reason}." for reason, count in found.left_out.items()]


def _matching_note(effects: AxisEffects) -> str:
    """Return how many trials match on one axis, and why others do not."""
    matching, axis = effects.matching, effects.axis
    parts = [f"{axis}: {counted(matching.trials, 'trial')} in {counted(matching.matches, 'match', 'matches')}"]
    parts += [f"{count} with {reason}" for reason, count in matching.unmatched.items()]
    note = f"{'; '.join(parts)}."
    if matching.left_out:
        note += f" Not compared: {listed(matching.left_out)}, which no match has together with the others."
    if matching.hint is not None:
        note += f" Without {matching.hint}, far more trials match: --where '{axis} != {matching.hint}'."
    return note
