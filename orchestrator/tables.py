"""What commands print: plans, fronts and the state of sweeps as tables on a terminal."""

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd
from rich.table import Table

from orchestrator.plan import Plan, Timings
from orchestrator.selection import Front

KEY_DIGITS = 10  # of a key, where people read it; commands take the beginning of a key


def plan_lines(plan: Plan, timings: Timings | None) -> list[str]:
    """A plan in words."""
    tree = plan.tree
    saved = plan.epochs_without_sharing / plan.epochs_with_sharing if plan.epochs_with_sharing else 1.0
    sets, unshared_sets = plan.score_sets
    lines = [
        f"{plan.sweep.name}: {len(tree)} trials: {plan.baselines} baselines, {plan.controls} controls, "
        f"{len(tree) - plan.baselines - plan.controls} pruned ({len(tree.asked)} asked for by the axes)",
        f"stored already: {len(plan.done)} trials, {len(plan.networks)} networks; to run: {len(plan.to_run)} trials",
        f"epochs to train now: {plan.epochs}",
        f"the whole sweep: {plan.epochs_with_sharing} epochs; {plan.epochs_without_sharing} if each trial trained "
        f"its own baseline and rounds ({saved:.1f} times as many)",
        f"shared: {plan.baselines} baselines by {len(tree) - plan.baselines} trials; {sets} sets of scores where "
        f"{unshared_sets} are asked for",
    ]
    lines += [f"left out: {invalid.trials} × {invalid.what}: {invalid.reason}" for invalid in tree.invalid]
    return [*lines, _estimate(plan, timings)]


def _estimate(plan: Plan, timings: Timings | None) -> str:
    seconds = timings.seconds(plan.to_run) if timings else None
    if not plan.to_run:
        return "time: nothing to run"
    if seconds is None:
        return "time: no estimate; the store has no timings of these architectures yet"
    return f"time: about {timedelta(seconds=round(seconds))} of work, divided by the trials that run at once"


def front_table(front: Front) -> Table:
    """The Pareto-optimal networks, the knee marked."""
    table = Table(title=_front_title(front), caption=_front_caption(front))
    shown = front.table
    for name in ("", "trial", "architecture", "structure", "criterion", "adjustment"):
        table.add_column(name, no_wrap=name == "trial")
    table.add_column("it.", justify="right")
    table.add_column("ratio", justify="right")
    measured = [column for objective in front.objectives for column in _columns_of(objective.name, shown)]
    for column in [*measured, "parameters", "flops"]:
        table.add_column(column.replace("_", " "), justify="right")
    for index, row in shown.iterrows():
        keys = row["trial_keys"]
        more = f" +{len(keys) - 1}" if len(keys) > 1 else ""
        settings = [str(row[name]) for name in ("architecture", "structure", "criterion", "adjustment")]
        numbers = [_number(row[column]) for column in [*measured, "parameters", "flops"]]
        mark = "◆" if index == front.knee else ""
        table.add_row(
            mark, keys[0][:KEY_DIGITS] + more, *settings, str(row["iterations"]), f"{row['ratio']:g}", *numbers
        )
    return table


def _front_title(front: Front) -> str:
    names = " and ".join(objective.name for objective in front.objectives)
    return f"Pareto-optimal in {names}: {len(front.table)} of {front.candidates} candidates"


def _front_caption(front: Front) -> str:
    left_out = "; ".join(f"{count} left out: {reason}" for reason, count in front.left_out.items())
    return f"◆ the knee. Chosen on the selection half, reported on the report half.{' ' + left_out if left_out else ''}"


def _columns_of(objective: str, table: pd.DataFrame) -> list[str]:
    halves = [f"{objective}_selection", f"{objective}_report"]
    return [column for column in (halves if halves[0] in table.columns else [objective]) if column in table.columns]


def _number(value: float) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.4f}" if abs(value) < 1000 and value != int(value) else f"{value:,.0f}"


def status_table(rows: Sequence[tuple[str, int, int, int]]) -> Table:
    """(sweep, trials, done, failed) of each sweep of a store."""
    table = Table("sweep", "trials", "done", "failed", "to run")
    for name, trials, done, failed in rows:
        table.add_row(name, str(trials), str(done), str(failed), str(trials - done))
    return table
