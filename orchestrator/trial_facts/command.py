"""The command that runs one trial alone: a sweep of the store, reduced to the trial and its ancestors."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.results_store import NotStored, Store
from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.rows import Row
from prunesweep.sweeps.catalogue import NONE, PLAIN
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import built_in_sweeps, parse_sweep
from prunesweep.sweeps.tree import TrialTree, regrow_tree
from prunesweep.sweeps.yaml_core import flow_text

_MAX_NAME = 64  # letters of a sweep's name
_KEY_DIGITS = 10
_REPLACED = ("name", "seeds", "axes", "control")  # the keys of a sweep file that the command sets itself


@dataclass(frozen=True)
class TrialCommand:
    """A ``prunesweep run`` that runs one trial, its ancestors and what else these need.

    Attributes:
        sweep: the name of a built-in sweep, or the path of a sweep file in the store.
        overrides: the values of ``--set``.
        store: the URL of the store.
        line: the whole command, as a shell takes it.
        notes: what to know before running it, each a full sentence.
    """

    sweep: str
    overrides: list[str]
    store: str
    line: str
    notes: list[str]


class NoCommand(Exception):
    """The error that no command can make a trial; its message says why, in a full sentence."""


def command_of(store: Store, row: Row, rows: Mapping[str, Row], sweeps: Sequence[str]) -> TrialCommand:
    """Return the command that makes a trial alone, with the very same key.

    The trial must be in the tree that the command's sweep grows from the fingerprints that its record has. Where these
    are not recorded, as by older versions, this cannot be checked, and a note says so.

    Args:
        store: the store of the trial.
        row: the trial's row of the table ``trials``.
        rows: all rows of the table ``trials``, by trial key.
        sweeps: the names of the sweeps that asked for the trial.

    Raises:
        NoCommand: no sweep asked for the trial, or none leads to it any more.
    """
    reason = "No sweep of this store asked for the trial."
    for name in sorted(sweeps, key=lambda name: (name.endswith(f"-{row['trial_key'][:_KEY_DIGITS]}"), name)):
        try:
            return _command_of_sweep(store, name, row, rows)
        except NoCommand as error:
            reason = str(error)
    raise NoCommand(reason)


def _command_of_sweep(store: Store, name: str, row: Row, rows: Mapping[str, Row]) -> TrialCommand:
    """Return the command that makes a trial from one sweep.

    Raises:
        NoCommand: this sweep does not lead to the trial any more.
    """
    try:
        text, run = store.load_sweep_text(name), store.load_sweep_run(name)
        overrides = _overrides(name, run, row, _trial_to_ask_for(run, row, rows))
        sweep = parse_sweep(text, overrides)
        notes = [*_check_key(run, sweep, row), *_path_notes(store, sweep)]
    except (NotStored, UserError) as error:
        raise NoCommand(f"The sweep {name} does not lead to the trial any more: {error}") from None
    source = _name_of_built_in(text) or store.objects.path(f"sweeps/{name}/sweep.yaml")
    return TrialCommand(source, overrides, store.url, _line(source, overrides, store), notes)


def _trial_to_ask_for(run: JsonObject, row: Row, rows: Mapping[str, Row]) -> Mapping[str, Any]:
    """Return the values of the trial that a sweep asks for to get a trial: itself, or, for a control, a pruned trial.

    A pruned trial that is stored is preferred, because it need not be run.

    Args:
        run: the record of the sweep's last run.
        row: the trial's row.
        rows: all rows of the table ``trials``, by trial key.

    Raises:
        NoCommand: no pruned trial of the sweep has this control.
    """
    if row["parent_key"] is None or row["structure"] != NONE:
        return row
    known = [rows[key] for key in sorted(run["result_keys"]) if key in rows]
    with_control = [other for other in known if other["control_key"] == row["trial_key"]]
    if with_control:
        return min(with_control, key=lambda other: other["error"] is not None)
    for trial in _regrow(run, run["settings"]) or ():
        if trial.control is not None and trial.control.key == row["trial_key"]:
            return trial.settings
    raise NoCommand("A control is run for a pruned trial, and no pruned trial with this control is known.")


def _overrides(name: str, run: JsonObject, row: Row, asked: Mapping[str, Any]) -> list[str]:
    """Return the overrides that reduce a sweep to one trial.

    The name is another one, so that the record of the whole sweep is kept.

    Args:
        name: the name of the sweep.
        run: the record of its last run, whose own overrides are kept.
        row: the trial's row.
        asked: the row of the trial that the sweep asks for.
    """
    key = row["trial_key"][:_KEY_DIGITS]
    kept = [override for override in run.get("overrides", []) if _first_key(override) not in _REPLACED]
    first, *others = _axis_values(asked).items()
    return [
        *kept,
        f"name={name[: _MAX_NAME - _KEY_DIGITS - 1]}-{key}",
        f"seeds=[{asked['seed']}]",
        f"control={str(asked is not row).lower()}",
        f"axes={flow_text({first[0]: first[1]})}",
        *(f"axes.{axis}={flow_text(value)}" for axis, value in others),
    ]


def _first_key(override: str) -> str:
    return override.partition("=")[0].partition(".")[0]


def _axis_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a trial on the axes of a sweep file, without those that do not matter."""
    values = {"architecture": row["architecture"]}
    if row["recipe"] != PLAIN:
        values["recipe"] = row["recipe"]
    if row["iterations"] == 0:
        return {**values, "iterations": 0}
    values |= {name: row[name] for name in ("structure", "criterion", "adjustment")}
    # The ratio is 0 where the number of blocks replaces it.
    return values | {"iterations": int(row["iterations"])} | ({"ratio": float(row["ratio"])} if row["ratio"] else {})


def _check_key(run: JsonObject, sweep: Sweep, row: Row) -> list[str]:
    """Check that the tree of the command's sweep has the trial, and return a note if that cannot be known.

    Raises:
        NoCommand: the tree does not have the trial.
    """
    tree = _regrow(run, sweep.model_dump(mode="json"))
    if tree is None:
        return ["The sweep was run by an older version, so it is not certain that the trial gets the same key."]
    if row["trial_key"] not in tree.trials:
        raise NoCommand("This version of prunesweep gives the trial another key, because a phase has a new version.")
    return []


def _regrow(run: JsonObject, settings: Mapping[str, Any]) -> TrialTree | None:
    """Return the tree of some settings on the data and weights of a run; None if an older version recorded the run."""
    fingerprints = run.get("fingerprints")
    return fingerprints and regrow_tree(settings, fingerprints["train"], fingerprints["weights"])


def _path_notes(store: Store, sweep: Sweep) -> Iterator[str]:
    """Yield notes on files that the command finds only in the right place."""
    relative = sorted({path for path in _paths(sweep) if not Path(path).is_absolute()})
    if relative:
        yield f"Run it in the folder of the sweep's relative {'paths' if len(relative) > 1 else 'path'}: " + (
            f"{', '.join(relative)}."
        )
    if not store.objects.is_local:
        yield "Copy the sweep file to this machine first, and name the copy."


def _paths(sweep: Sweep) -> Iterator[str]:
    """Yield the paths of data and weights that a sweep names."""
    for name in ("root", "train", "test"):
        value = getattr(sweep.dataset, name, ())
        yield from (value,) if isinstance(value, str) else value
    yield from (path for path in sweep.baseline.weights_by_recipe.values() if ":" not in path)
    if sweep.attacks.corruptions is not None and sweep.attacks.corruptions.root is not None:
        yield sweep.attacks.corruptions.root


def _name_of_built_in(text: str) -> str | None:
    """Return the name of the built-in sweep with this text, or None if there is none."""
    return next((name for name, path in built_in_sweeps().items() if path.read_text(encoding="utf-8") == text), None)


def _line(source: str, overrides: Sequence[str], store: Store) -> str:
    is_default = store.objects.is_local and Path(store.url) == Path(DEFAULT_STORE).absolute()
    chosen = [] if is_default else ["--store", store.url]
    return shlex.join(["prunesweep", "run", source, *chosen, *(part for each in overrides for part in ("--set", each))])
