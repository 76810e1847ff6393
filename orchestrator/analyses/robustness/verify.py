"""Verification of stored networks: whether stronger attacks confirm a gain in robustness over the baseline."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from prunesweep.orchestrator.analyses.answer import answer
from prunesweep.orchestrator.analyses.robustness.verdict import LEAST_DIFFERENT, judge
from prunesweep.orchestrator.query.trials import StoredTrial, choose_trials, stored_trials
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.documents import VerdictResult
from prunesweep.results_store.rows import reference_keys
from prunesweep.sweeps.analyses import Effort, Verification
from prunesweep.sweeps.attacks import Autoattack
from prunesweep.sweeps.catalogue import VERDICT_VERSION
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints

if TYPE_CHECKING:
    import torch

    from prunesweep.workers.analyses.robustness.evidence import Evidence
    from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison
    from prunesweep.workers.architectures.network import Network

VERIFICATION_IMAGES = 300
"""Default number of images to attack, from the selection half (the test images that networks are chosen on)."""

AUTOATTACK_IMAGES = 50
"""Default number of these images for AutoAttack, if it is installed."""


class VerificationError(UserError):
    """A gain in robustness that cannot be verified as requested."""


def verify_robustness(
    store: StoreLike,
    trials: Sequence[str],
    *,
    images: int = VERIFICATION_IMAGES,
    autoattack: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[VerdictResult]:
    """Return the verdict on each trial's gain in robustness over its baseline; stored verdicts are reused.

    The images are spread evenly over the selection half of the test images, on which networks are chosen. The report
    half is not used, because networks may be chosen by their verdicts. A defended baseline is compared with the plain
    baseline.

    Args:
        store: a folder, an fsspec URL or an open store.
        trials: beginnings of keys, and conditions such as ``architecture == resnet56``; plain baselines that meet the
            conditions are left out.
        images: largest number of images to attack.
        autoattack: number of these images that AutoAttack attacks too, unless another attack has fooled them. None
            means ``AUTOATTACK_IMAGES`` if pyautoattack is installed, else 0. AutoAttack takes minutes per network on a
            CPU.
        progress: called with a line of text before each trial that is attacked.

    Returns:
        The verdict on each trial, as ``prunesweep.orchestrator.analyses.robustness.verdict`` defines it. Its
        ``evidence`` holds every number that was measured.

    Raises:
        VerificationError: a number is out of range, a trial is a plain baseline, a baseline is not stored, or no ε
            leaves a baseline correct on 10–90 % of the images. The verdicts that were made before the error are stored.

    Example:
        >>> from prunesweep import verify_robustness
        >>> (verdict,) = verify_robustness("store", ["1d7dd2ef"], images=20, autoattack=0)
        >>> verdict["verdict"], verdict["gain"]
        ('undecided', -32.5)
    """
    if images < LEAST_DIFFERENT:
        raise VerificationError(f"--images {images}: give {LEAST_DIFFERENT} or more; fewer prove nothing")
    store = existing_store(store)
    effort = Effort(autoattack=_autoattack_images(autoattack))
    found = stored_trials(store, choose_trials(store, trials))
    analyses = _build_verifications(store, found, trials, images, effort)

    def compute(missing: Sequence[Verification]) -> Iterator[VerdictResult]:
        from prunesweep.workers.runtime import configure_torch, default_device

        bench: _VerificationBench | None = None
        ordered = sorted(missing, key=lambda each: (_bench_key(each, found[each.network]), each.control or ""))
        for number, analysis in enumerate(ordered, 1):
            trial = found[analysis.network]
            others = "its baseline and its control" if analysis.control else "its baseline"
            progress(f"[{number}/{len(ordered)}] attacking {analysis.network}, {others}")
            configure_torch(trial.threads)
            if bench is None or bench.key != _bench_key(analysis, trial):
                bench = _VerificationBench(store, analysis, trial, default_device())
            yield bench.verdict(analysis)

    return cast("list[VerdictResult]", list(answer(store, analyses, compute).results.values()))


def _autoattack_images(autoattack: int | None) -> int:
    """Return the number of images for AutoAttack, which is the default number if ``autoattack`` is None.

    Raises:
        VerificationError: the number is negative, or it is above 0 and AutoAttack is not installed.
    """
    missing = Autoattack().missing_dependency()
    if autoattack is None:
        return 0 if missing else AUTOATTACK_IMAGES
    if autoattack < 0:
        raise VerificationError(f"--autoattack {autoattack}: give a number of images, or 0 for none")
    if autoattack and missing:
        raise VerificationError(f"--autoattack {autoattack}: {missing}")
    return autoattack


def _build_verifications(
    store: Store, trials: dict[str, StoredTrial], texts: Sequence[str], images: int, effort: Effort
) -> list[Verification]:
    """Return the verification of each trial except plain baselines, which have no baseline to be compared with.

    Raises:
        VerificationError: a plain baseline is named by its key, no other trial is left, or a baseline is not stored.
    """
    networks = frozenset(store.network_keys())
    fingerprint = cache(lambda dataset: data_fingerprints(dataset).test)
    plain = [key for key, trial in trials.items() if reference_keys(trial.row)[0] is None]
    named = [key for key in plain if key.startswith(tuple(texts))]
    if named or len(plain) == len(trials):
        raise VerificationError(
            f"{(named or plain)[0]}: is a plain baseline, which has no baseline to gain over; name a trial that was "
            "pruned or adjusted"
        )
    analyses = []
    for key, trial in trials.items():
        baseline, control = reference_keys(trial.row)
        if baseline is None:
            continue
        if baseline not in networks:
            raise VerificationError(
                f"{key}: its baseline {baseline} is not in {store.url}; run its sweep on this store again"
            )
        control = control if control in networks and control != baseline else None
        analyses.append(Verification(key, baseline, control, images, effort, fingerprint(trial.dataset)))
    return analyses


def _bench_key(analysis: Verification, trial: StoredTrial) -> tuple[str, int, str]:
    """Return the values that two verifications must share to use the same images and the same attacked baseline."""
    return analysis.test_fingerprint, trial.threads, analysis.baseline


class _VerificationBench:
    """The images and networks of verifications with the same baseline; each network is attacked only once.

    Attributes:
        key: what the verifications have in common, as ``_bench_key`` returns it.
    """

    def __init__(self, store: Store, analysis: Verification, trial: StoredTrial, device: "torch.device") -> None:
        """Load the images of a verification to a device, where networks of the store will be attacked."""
        self.key = _bench_key(analysis, trial)
        self._store = store
        self._device = device
        self._comparison = _comparison(trial.dataset, analysis.images, analysis.effort, device)
        self._networks: dict[str, Network] = {}

    def verdict(self, analysis: Verification) -> VerdictResult:
        """Attack a trial's network, its baseline and its control, and return whether the gain in robustness is real.

        Raises:
            VerificationError: the networks cannot be compared, for example because no ε leaves the baseline correct on
                10–90 % of the images.
        """
        start = time.monotonic()
        try:
            evidence = self._evidence(analysis)
        except UserError as error:
            raise VerificationError(f"{analysis.network}: {error}") from None
        judged = judge(evidence)
        return {
            "kind": "verdict",
            "key": analysis.key,
            "trial_key": analysis.network,
            "baseline_key": analysis.baseline,
            "control_key": analysis.control,
            "verdict": judged.verdict,
            "gain": judged.gain,
            "lower": judged.lower,
            "gain_over_control": judged.gain_over_control,
            "lower_over_control": judged.lower_over_control,
            "alarms": judged.alarms,
            "evidence": judged.evidence,
            "images": evidence.images,
            "version": VERDICT_VERSION,
            "test_fingerprint": analysis.test_fingerprint,
            "seconds": time.monotonic() - start,
            "finished_at": time.time(),
        }

    def _evidence(self, analysis: Verification) -> "Evidence":
        from prunesweep.workers.stored_network import load_stored

        keys = [key for key in (analysis.network, analysis.baseline, analysis.control) if key is not None]
        for key in self._networks.keys() - set(keys):  # their adversarial images take much memory
            self._comparison.forget(self._networks.pop(key))
        for key in keys:
            if key not in self._networks:
                self._networks[key] = load_stored(self._store, key, self._device).network
        return self._comparison.compare(*(self._networks[key] for key in keys))


def _comparison(dataset: DatasetSettings, images: int, effort: Effort, device: "torch.device") -> "NetworkComparison":
    """Return a comparison of networks on images that are spread evenly over the selection half."""
    import torch

    from prunesweep.results_store.halves import selection_half
    from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison, spread
    from prunesweep.workers.data.load import load_dataset

    test = load_dataset(dataset).test.to(device)
    half = torch.from_numpy(selection_half(len(test))).nonzero()[:, 0]
    chosen = half[spread(len(half), images)]
    pixels = test.read(chosen.to(device)).float().div_(255)
    return NetworkComparison(pixels, test.labels[chosen.to(device)], chosen, effort)
