"""Checks with stronger attacks whether stored networks are more robust than their baselines."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from prunesweep.orchestrator.analyses.robustness import LEAST_DIFFERENT, judge
from prunesweep.orchestrator.query.trials import choose_trials, dataset_of, threads_of, trial_rows
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.documents import VerdictResult
from prunesweep.results_store.rows import compared_with
from prunesweep.sweeps.analyses import Effort, VerdictAnalysis
from prunesweep.sweeps.attacks import Autoattack
from prunesweep.sweeps.catalogue import VERDICT_VERSION
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints

if TYPE_CHECKING:
    import torch
    from torch import nn

    from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison

IMAGES = 300
"""How many images are attacked, of those that networks are chosen by."""

AUTOATTACK = 50
"""How many of these AutoAttack sees as well, where it is installed and nothing else is asked for."""


class VerifyError(UserError):
    """A trial whose gain cannot be verified."""


@dataclass(frozen=True)
class _Case:
    """One trial's verdict, and what else is needed to make it."""

    analysis: VerdictAnalysis
    dataset: DatasetSettings
    threads: int

    @property
    def key(self) -> str:
        return self.analysis.key

    @property
    def bench(self) -> tuple[str, int, str]:
        """What cases must have in common to be made on one bench: the test images, the threads and the baseline."""
        return self.analysis.test_fingerprint, self.threads, self.analysis.baseline


def verify_robustness(
    store: StoreLike,
    trials: Sequence[str],
    *,
    images: int = IMAGES,
    autoattack: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[VerdictResult]:
    """Return the verdict on each trial's gain in robustness over its baseline; what is stored is not made again.

    The images are spread over the selection half of the test images: by a verdict networks are chosen, and those of
    the report half stay untouched. A defended baseline is compared with the plain one.

    Args:
        store: a folder, an fsspec URL or an open store.
        trials: beginnings of keys, and conditions such as ``architecture == resnet56``; plain baselines that meet
            them are passed over.
        images: how many at the most.
        autoattack: how many of them AutoAttack sees as well, if nothing else fools them; None for ``AUTOATTACK`` where
            pyautoattack is installed, and else for none. It takes minutes a network on a CPU.
        progress: called with a line before each trial that is attacked.

    Returns:
        As in ``prunesweep.orchestrator.analyses.robustness.judge``, a trial each; ``evidence`` holds every figure.

    Raises:
        UserError: one line: no such network, a plain baseline, whose gain is over nothing, or a baseline that fits no
            ε. Verdicts of the trials before are stored, and of this one nothing is.

    Example:
        >>> from prunesweep import verify_robustness
        >>> (verdict,) = verify_robustness("store", ["1d7dd2ef"], images=20, autoattack=0)
        >>> verdict["verdict"], verdict["gain"]
        ('undecided', -32.5)
    """
    store = existing_store(store)
    autoattack = _checked(images, autoattack)
    effort = Effort(autoattack=autoattack)
    cases = _cases(store, trials, images, effort)
    store.check_writable()
    stored = store.result_keys()
    missing = [case for case in cases if case.key not in stored]
    try:
        if missing:
            _make(store, missing, images, effort, progress)
    finally:
        store.refresh_tables()
    found: list[Any] = [store.result(case.key) for case in cases]
    return found


def _checked(images: int, autoattack: int | None) -> int:
    """How many images AutoAttack sees."""
    if images < LEAST_DIFFERENT:
        raise VerifyError(f"--images {images}: give {LEAST_DIFFERENT} or more; fewer prove nothing")
    missing = Autoattack().missing()
    if autoattack is None:
        return 0 if missing else AUTOATTACK
    if autoattack < 0:
        raise VerifyError(f"--autoattack {autoattack}: give a number of images, or 0 for none")
    if autoattack and missing:
        raise VerifyError(f"--autoattack {autoattack}: {missing}")
    return autoattack


def _cases(store: Store, texts: Sequence[str], images: int, effort: Effort) -> list[_Case]:
    """The trials' cases. What they share is read once: the table, the list of networks, and the data sets' bytes."""
    keys = choose_trials(store, texts)
    rows = {key: _without_null(row) for key, row in trial_rows(store, keys).items()}
    networks = frozenset(store.network_keys())

    @cache
    def fingerprint_of(dataset: DatasetSettings) -> str:
        return data_fingerprints(dataset).test

    plain = [key for key in keys if compared_with(rows[key])[0] is None]
    named = [key for key in plain if key.startswith(tuple(texts))]
    if named or len(plain) == len(keys):
        raise VerifyError(
            f"{(named or plain)[0]}: is a plain baseline, and a gain is over one; name a trial that was pruned or "
            "adjusted"
        )
    return [_case(store, key, rows[key], networks, fingerprint_of, images, effort) for key in keys if key not in plain]


def _without_null(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table in words, its nulls as None."""
    return {name: value if isinstance(value, str) else None for name, value in row.items()}


def _case(
    store: Store,
    key: str,
    row: dict[str, Any],
    networks: Collection[str],
    fingerprint_of: Callable[[DatasetSettings], str],
    images: int,
    effort: Effort,
) -> _Case:
    baseline, control = compared_with(row)
    assert baseline is not None, "a plain baseline is no case"
    if baseline not in networks:
        raise VerifyError(f"{key}: its baseline {baseline} is not in {store.url}; run its sweep on this store again")
    control = control if control in networks and control != baseline else None
    dataset = dataset_of(store, key)
    fingerprint = fingerprint_of(dataset)
    analysis = VerdictAnalysis(key, baseline, control, images, effort, fingerprint)
    return _Case(analysis, dataset, threads_of(store, key))


def _make(store: Store, cases: Sequence[_Case], images: int, effort: Effort, progress: Callable[[str], None]) -> None:
    """Makes the verdicts that are missing, trials of the same images and baseline one after the other."""
    from prunesweep.workers.runtime import configure, default_device

    device = default_device()
    ordered = sorted(cases, key=lambda case: (*case.bench, case.analysis.control or ""))
    bench: _Bench | None = None
    for place, case in enumerate(ordered, 1):
        compared = "its baseline and its control" if case.analysis.control else "its baseline"
        progress(f"[{place}/{len(ordered)}] attacking {case.analysis.network}, {compared}")
        configure(case.threads)
        if bench is None or not bench.serves(case):
            bench = _Bench(store, case, images, effort, device)
        store.save_result(bench.verdict(case))


class _Bench:
    """The images of one data set, and the networks that several cases share."""

    def __init__(self, store: Store, case: _Case, images: int, effort: Effort, device: "torch.device") -> None:
        self._store = store
        self._device = device
        self._bench = case.bench
        self._verification = _verification(case.dataset, images, effort, device)
        self._networks: dict[str, nn.Module] = {}

    def serves(self, case: _Case) -> bool:
        return self._bench == case.bench

    def verdict(self, case: _Case) -> VerdictResult:
        start = time.monotonic()
        self._keep_only(case)
        network, baseline = self._network(case.analysis.network), self._network(case.analysis.baseline)
        control = self._network(case.analysis.control) if case.analysis.control else None
        try:
            evidence = self._verification.compare(network, baseline, control)
        except UserError as error:
            raise VerifyError(f"{case.analysis.network}: {error}") from None
        judged = judge(evidence)
        return {
            "kind": "verdict",
            "key": case.key,
            "trial_key": case.analysis.network,
            "baseline_key": case.analysis.baseline,
            "control_key": case.analysis.control,
            "verdict": judged.verdict,
            "gain": judged.gain,
            "lower": judged.lower,
            "gain_over_control": judged.gain_over_control,
            "lower_over_control": judged.lower_over_control,
            "alarms": judged.alarms,
            "evidence": judged.evidence,
            "images": evidence.images,
            "version": VERDICT_VERSION,
            "test_fingerprint": case.analysis.test_fingerprint,
            "seconds": time.monotonic() - start,
            "finished_at": time.time(),
        }

    def _keep_only(self, case: _Case) -> None:
        """Lets go of the networks of the cases before: the images that were crafted on them take much memory."""
        for key in self._networks.keys() - {case.analysis.network, case.analysis.baseline, case.analysis.control}:
            self._verification.forget(self._networks.pop(key))

    def _network(self, key: str) -> "nn.Module":
        from prunesweep.workers.stored_network import load_stored

        if key not in self._networks:
            self._networks[key] = load_stored(self._store, key, self._device).network
        return self._networks[key]


def _verification(dataset: DatasetSettings, images: int, effort: Effort, device: "torch.device") -> "NetworkComparison":
    """The images, spread over the selection half."""
    import torch

    from prunesweep.results_store.halves import selection_half
    from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison, spread
    from prunesweep.workers.data.load import load_dataset

    test = load_dataset(dataset).test.to(device)
    half = torch.from_numpy(selection_half(len(test))).nonzero()[:, 0]
    chosen = half[spread(len(half), images)]
    pixels = test.read(chosen.to(device)).float().div_(255)
    return NetworkComparison(pixels, test.labels[chosen.to(device)], chosen, effort)
