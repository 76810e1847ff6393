"""The trials that one trial is made from, compared with, or the parent of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prunesweep.orchestrator.query.descriptions import describe_network
from prunesweep.results_store.rows import Row

BASELINE, ANCESTOR, PARENT = "baseline", "ancestor", "parent"
CONTROL, PLAIN_BASELINE, CHILD = "control", "plain baseline", "child"

STORED, FAILED, MISSING = "stored", "failed", "not stored"


@dataclass(frozen=True)
class Relative:
    """A trial to which one trial is related.

    Attributes:
        role: ``baseline``, ``ancestor``, ``parent``, ``control``, ``plain baseline`` or ``child``.
        key: the key of the relative.
        network: its setting in words; empty if the store knows nothing about it.
        state: ``stored``, ``failed`` or ``not stored``.
    """

    role: str
    key: str
    network: str
    state: str


def relatives_of(row: Row, rows: Mapping[str, Row]) -> list[Relative]:
    """Return the relatives of a trial: its ancestors from the baseline on, its control, and its children.

    Args:
        row: the trial's row of the table ``trials``, nulls as None.
        rows: all rows of the table ``trials``, by trial key.
    """
    related = [*_ancestors(row, rows), (CONTROL, row["control_key"]), (PLAIN_BASELINE, row["plain_key"])]
    related += [(CHILD, key) for key, other in sorted(rows.items()) if other["parent_key"] == row["trial_key"]]
    return [_relative(role, key, rows) for role, key in related if key is not None]


def _ancestors(row: Row, rows: Mapping[str, Row]) -> list[tuple[str, str | None]]:
    """Return the role and the key of each ancestor, the baseline first."""
    keys = list(_chain(row, rows))
    if not keys:
        return []
    parent, baseline = keys[0], row["baseline_key"]
    between = [(ANCESTOR, key) for key in reversed(keys[1:]) if key != baseline]
    return [(BASELINE, baseline), *between, *([(PARENT, parent)] if parent != baseline else [])]


def _chain(row: Row, rows: Mapping[str, Row]) -> Iterator[str]:
    """Yield the key of the parent, of its parent, and so on, as far as the store knows them."""
    key = row["parent_key"]
    while key is not None:
        yield key
        key = rows[key]["parent_key"] if key in rows else None


def _relative(role: str, key: str, rows: Mapping[str, Row]) -> Relative:
    row = rows.get(key)
    if row is None:
        return Relative(role, key, "", MISSING)
    return Relative(role, key, describe_network(row), FAILED if row["error"] is not None else STORED)
