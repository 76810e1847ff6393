"""What commands print: plans, fronts and the state of sweeps as tables on a terminal."""

import json
from collections.abc import Iterator, Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.labels import network_labels, short_keys
from prunesweep.orchestrator.plan import Plan
from prunesweep.orchestrator.selection import Front
from prunesweep.orchestrator.selection.columns import DETAILS, EPOCHS, ON_FRONT, REMOVED
from prunesweep.orchestrator.status import SweepState
from prunesweep.orchestrator.timings import Estimate, at_once
from prunesweep.results_store.runs import Run
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.words import counted, listed

FIGURE_WIDTH = 7  # so that no number is broken
NAME_WIDTH = 12  # of the column that names a network, on however narrow a terminal
NEAR_FRONT = 0.05  # a candidate that is on the front in as many resamples cannot be told from it


def plan_lines(plan: Plan) -> list[str]:
    """A plan in words."""
    tree = plan.tree
    saved = plan.epochs_without_sharing / plan.epochs_with_sharing if plan.epochs_with_sharing else 1.0
    sets, unshared_sets = plan.score_sets
    lines = [
        f"{plan.sweep.name}: {counted(len(tree), 'trial')}: {counted(plan.baselines, 'baseline')}, "
        f"{counted(plan.controls, 'control')}, {len(tree) - plan.baselines - plan.controls:,} pruned "
        f"({len(tree.asked):,} asked for by the axes)",
        f"stored already: {counted(len(plan.done), 'trial')}, {counted(len(plan.networks), 'network')}; "
        f"to run: {counted(len(plan.to_run), 'trial')}",
        f"epochs to train now: {plan.epochs}",
        f"the whole sweep: {counted(plan.epochs_with_sharing, 'epoch')}; {plan.epochs_without_sharing:,} if each trial "
        f"trained its own baseline and rounds ({saved:.1f} times as many)",
        f"shared: {counted(plan.baselines, 'baseline')} by {counted(len(tree) - plan.baselines, 'trial')}; "
        f"{counted(sets, 'set of scores', 'sets of scores')} where {unshared_sets:,} are asked for",
    ]
    return lines + [f"left out: {invalid.trials} × {invalid.what}: {invalid.reason}" for invalid in tree.invalid]


def trial_lines(plan: Plan) -> Iterator[str]:
    """A line a trial: its key, whether it is stored, its settings."""
    for trial in plan.tree:
        state = "stored" if trial.key in plan.done else "network stored" if trial.key in plan.networks else "to run"
        yield f"{trial.key}  {state:<14}  {trial.label()}"


def time_lines(plan: Plan, estimate: Estimate, runs: Sequence[Run]) -> list[str]:
    """How long a plan will take, in words; and how far such estimates are off, as past ``runs`` on the store tell."""
    if not plan.to_run:
        return ["time: nothing to run"]
    unknown = ", ".join(f"{what} ({counted(trials, 'trial')})" for what, trials in estimate.unknown.items())
    if not estimate.seconds:
        return [f"time: no estimate; on these test images the store has no timings yet of {unknown}"]
    lines = [f"time: about {duration(estimate.seconds)} one trial after another{_at_once(plan, estimate)}"]
    if unknown:
        lines.append(f"time: not counted, because on these test images the store has no timings of it yet: {unknown}")
    if estimate.error is not None:
        lines.append(
            f"time: estimated in the same way, one half of the {estimate.stored:,} stored trials from the other, "
            f"a trial is typically off by {estimate.error:.0%}"
        )
    off = [run["took"] / run["estimated"] - 1 for run in runs]
    if off:
        of_runs = counted(len(off), "run")
        lines.append(f"time: past runs took {min(off):+.0%} to {max(off):+.0%} against the estimate ({of_runs})")
    return lines


def _at_once(plan: Plan, estimate: Estimate) -> str:
    resources = plan.sweep.resources
    workers = at_once(resources)
    if workers is not None:
        return f", {duration(estimate.wall(workers))} if {workers} run at once"
    chosen = " (gpu: auto, chosen when the sweep starts)" if resources.gpu == AUTO else ""
    return f", divided by those that run at once{chosen}"


def duration(seconds: float) -> str:
    """A time in words: 40 s, 12 min, 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def front_table(front: Front, *, only_knee: bool = False) -> Table:
    """The Pareto-optimal networks, the knee marked; accuracies as selection half / report half."""
    table = Table(
        title=_front_title(front), caption=_front_caption(front), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.add_column("")
    table.add_column("trial", no_wrap=True)
    table.add_column("network", min_width=NAME_WIDTH, overflow="fold")
    names = list(dict.fromkeys([*(objective.name for objective in front.objectives), "flops"]))
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", min_width=FIGURE_WIDTH, overflow="fold")
    if ON_FRONT in front.table:
        table.add_column("on front", justify="right", overflow="fold")
    for (index, row), label in zip(front.table.iterrows(), network_labels(front.table), strict=True):
        if only_knee and index != front.knee:
            continue
        mark = "◆" if index == front.knee else ""
        table.add_row(mark, short_keys(row), label, *(_figure(row, name) for name in names), *_shares(row))
    return table


def front_records(front: Front, *, only_knee: bool = False) -> dict[str, object]:
    """The front as JSON values: what it was chosen by, and one record a network."""
    chosen = front.table.iloc[[front.knee]] if only_knee else front.table
    chosen = chosen.drop(columns=[name for name in (*DETAILS, EPOCHS, *REMOVED) if name in chosen])
    records = json.loads(chosen.assign(knee=chosen.index == front.knee).to_json(orient="records", double_precision=15))
    return {
        "objectives": {objective.name: objective.kind.direction for objective in front.objectives},
        "candidates": front.candidates,
        "left_out": front.left_out,
        "hypervolume": front.hypervolume,
        "front": records,
        **_membership_records(front),
    }


def _membership_records(front: Front) -> dict[str, object]:
    """How probably each candidate is on the front, also those that are not; nothing where that was not asked."""
    if ON_FRONT not in front.compared:
        return {}
    return {"membership": front.compared[["trial_keys", ON_FRONT]].to_dict("records")}


def _front_title(front: Front) -> str:
    names = listed(objective.name for objective in front.objectives)
    return f"Pareto-optimal in {names}: {len(front.table)} of {counted(front.candidates, 'candidate')}"


def _front_caption(front: Front) -> str:
    left_out = "".join(f" {count} left out: {reason}." for reason, count in front.left_out.items())
    halves = "accuracies: chosen on the selection half / reported on the report half."
    return f"◆ the knee; {halves}{_membership_caption(front)}{left_out}"


def _membership_caption(front: Front) -> str:
    if ON_FRONT not in front.compared:
        return ""
    others = int((front.compared[ON_FRONT] >= NEAR_FRONT).sum() - (front.table[ON_FRONT] >= NEAR_FRONT).sum())
    return (
        " on front: probability when the selection half's images are drawn anew; "
        f"{counted(others, 'other candidate')} {'reaches' if others == 1 else 'reach'} {NEAR_FRONT:g}."
    )


def _shares(row: pd.Series) -> list[str]:
    return [f"{row[ON_FRONT]:.2f}"] if ON_FRONT in row else []


def _figure(row: pd.Series, name: str) -> str:
    halves = [row.get(f"{name}_selection"), row.get(f"{name}_report")]
    if None not in halves:
        return " / ".join("" if pd.isna(value) else f"{value:.3f}" for value in halves)
    value = row[name]
    if pd.isna(value):
        return ""
    return f"{value / 1e6:,.2f} M" if name in ("parameters", "flops") else f"{value:.3f}"


def status_table(states: Sequence[SweepState]) -> Table:
    """Return a row per sweep of a store."""
    table = Table("sweep", "trials", "done", "failed", "to run")
    for state in states:
        counts = (state.trials, state.done, state.failed, state.to_run)
        table.add_row(state.name, *map(str, counts))
    return table


def frame_table(frame: pd.DataFrame, *, title: str) -> Table:
    """A data frame as it is: a column a column, empty where there is no value."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, values in frame.items():
        is_number = pd.api.types.is_numeric_dtype(values)
        table.add_column(str(name), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(
            *("" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value) for value in row)
        )
    return table
