"""The paper's Figures 1 to 5, as data and as drawings."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from prunesweep.orchestrator.paper.experiments import Experiments, TrialRow, select_comparable
from prunesweep.orchestrator.paper.published import FIGURE5, FIGURE5_ELEMENTS
from prunesweep.orchestrator.paper.reproduction import MISSING, Gap, Reproduction
from prunesweep.orchestrator.paper.tables import ONE_SHOT, baseline_of, in_store, needs_sweep, needs_transfer
from prunesweep.orchestrator.query.columns import COMPARABLE_WITHIN
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, describe_network
from prunesweep.orchestrator.statistics import pearson
from prunesweep.sweeps.attacks import epsilon_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESNET = "resnet56"
PRUNED = {**ONE_SHOT, "architecture": RESNET, "structure": "filters"}
UNPRUNED_CURVE, PRUNED_CURVE = "unpruned", "pruned (filters, PLS)"
MIN_POINTS = 4  # fewer points give no interval of a correlation
MARKERS = "osD^v<>PX*hd"


def figure1(experiments: Experiments) -> Reproduction:
    """Reproduce Figure 1: accuracy under FGSM by severity, for an unpruned network and a pruned one.

    A third curve is the accuracy of the pruned network on images that FGSM crafted on the unpruned network.
    """
    unpruned, pruned = _unpruned_and_pruned(experiments)
    curves, missing = [], []
    for label, trial in ((UNPRUNED_CURVE, unpruned), (PRUNED_CURVE, pruned)):
        if trial is None:
            missing.append(needs_sweep(label, experiments))
            continue
        curves.append(_accuracy_by_severity(experiments, trial, "fgsm").assign(curve=label))
    if unpruned is not None and pruned is not None:
        transferred = experiments.transferred(unpruned, pruned)
        missing_epsilons = sorted(set(curves[0]["severity"]) - set(transferred["severity"]))
        missing += [_missing_transfer(epsilon, experiments, unpruned, pruned) for epsilon in missing_epsilons]
        curves.append(transferred[["severity", "accuracy"]].assign(curve="pruned, images of the unpruned"))
    data = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["severity", "accuracy", "curve"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_curves(axes, data, "severity", "accuracy")
        axes.set(xlabel="FGSM severity ε", ylabel="accuracy")
        _mark_epsilons(axes, data["severity"])
        _add_legend(axes)

    return Reproduction(
        "figure1",
        "Accuracy under FGSM by severity (ResNet56)",
        _wide_table(data, "severity"),
        data,
        tuple(missing),
        ("in the paper, the pruned network has the highest accuracy on images of the unpruned one",),
        draw,
    )


def figure2(experiments: Experiments) -> Reproduction:
    """Reproduce Figure 2: gradient confusion, layer rotation and training loss in each epoch of the adjustment.

    One curve is of a pruned network, the other of its control, which is not pruned but trained for as long.
    """
    pruned = experiments.first(**PRUNED)
    control = None if pruned is None else experiments.trial(pruned["control_key"])
    measures = {
        "gradient_confusion": "lowest cosine of two batches' gradients",
        "layer_rotation": "rotation of the last convolution (1 − cos)",
        "loss": "training loss (nats)",
    }
    curves, missing = [], []
    for label, trial in ((PRUNED_CURVE, pruned), ("unpruned, as long trained", control)):
        if trial is None:
            missing.append(needs_sweep(label, experiments))
            continue
        epochs = experiments.history[experiments.history["trial_key"] == trial["trial_key"]].assign(curve=label)
        if epochs["gradient_confusion"].isna().any():
            missing.append(
                needs_sweep(f"gradient confusion and layer rotation (dynamics: true) of {label}", experiments)
            )
        curves.append(epochs)
    data = pd.concat(curves) if curves else experiments.history[:0].assign(curve="")
    data = data[["curve", "epoch", *measures]].sort_values(["curve", "epoch"], ignore_index=True)

    def draw(figure: Figure) -> None:
        for axes, (column, label) in zip(figure.subplots(1, len(measures)), measures.items(), strict=True):
            _draw_curves(axes, data, "epoch", column)
            axes.set(xlabel="epoch of the adjustment", ylabel=label)
            axes.xaxis.get_major_locator().set_params(integer=True)
            _add_legend(axes, fontsize="x-small")

    return Reproduction(
        "figure2",
        "Training dynamics (ResNet56), raw values",
        data,
        data,
        tuple(missing),
        ("raw minimum cosine and raw rotation; neither shows by itself which network is better",),
        draw,
    )


def figure3(experiments: Experiments) -> Reproduction:
    """Reproduce Figure 3: accuracy by severity for each attack, of an unpruned network and of a pruned one."""
    networks = list(zip((UNPRUNED_CURVE, PRUNED_CURVE), _unpruned_and_pruned(experiments), strict=True))
    missing = [needs_sweep(label, experiments) for label, trial in networks if trial is None]
    attacks = {"fgsm": "FGSM severity ε", "occlusion": "side of the square (pixels)", "corruptions": "severity (1–5)"}
    curves = [
        _accuracy_by_severity(experiments, trial, attack).assign(curve=label, attack=attack)
        for label, trial in networks
        if trial is not None
        for attack in attacks
    ]
    columns = ["severity", "accuracy", "curve", "attack"]
    data = pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)

    def draw(figure: Figure) -> None:
        for axes, (attack, label) in zip(figure.subplots(1, len(attacks)), attacks.items(), strict=True):
            points = data[data["attack"] == attack]
            _draw_curves(axes, points, "severity", "accuracy")
            axes.set(title=attack, xlabel=label, ylabel="accuracy")
            if attack == "fgsm":
                _mark_epsilons(axes, points["severity"])
            _add_legend(axes, fontsize="small")

    return Reproduction(
        "figure3",
        "Accuracy by severity of each attack (ResNet56)",
        _wide_table(data, "severity", "attack"),
        data,
        tuple(missing),
        ("corruptions: the mean over the kinds; in the paper, the pruned network is more accurate at every severity",),
        draw,
    )


def figure4(experiments: Experiments) -> Reproduction:
    """Reproduce Figure 4: robustness plotted against generalization, with Pearson's r, over settings and iterations."""
    data = _figure4_points(experiments)
    shown, missing = [], []
    for over in ("settings", "iterations"):
        points = data[data["over"] == over]
        if len(points) < MIN_POINTS:
            missing.append(needs_sweep(f"over {over}: {len(points)} of {MIN_POINTS} points", experiments))
            shown.append({"over": over, "points": len(points), "r": MISSING, "95 % interval": "", "p": ""})
            continue
        correlation = pearson(points["generalization"].tolist(), points["robustness"].tolist())
        interval = f"{correlation.low:+.2f} … {correlation.high:+.2f}"
        r, p = f"{correlation.r:+.3f}", f"{correlation.p:.3f}"
        shown.append({"over": over, "points": correlation.n, "r": r, "95 % interval": interval, "p": p})

    def draw(figure: Figure) -> None:
        for axes, over in zip(figure.subplots(1, 2), ("settings", "iterations"), strict=True):
            _draw_points(axes, data[data["over"] == over], over)
            axes.set(title=f"over {over}", xlabel="generalization (accuracy)", ylabel="robustness (mean accuracy)")
            _add_legend(axes, fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))

    note = "the paper: r < 0.3 over settings (about 8 points, so an interval of −0.55 … 0.81), < 0.4 over iterations"
    return Reproduction(
        "figure4",
        "Robustness against generalization (ResNet56)",
        pd.DataFrame(shown),
        data,
        tuple(missing),
        (note, "each point is a mean over seeds, for one structure × criterion or one iteration of filters by PLS"),
        draw,
    )


def _figure4_points(experiments: Experiments) -> pd.DataFrame:
    """Return the points of Figure 4, each a mean over seeds.

    There is one point per combination of structure and criterion after one iteration. For filters scored by PLS there
    is also one point per number of iterations.
    """
    fine_tuned = experiments.matching(architecture=RESNET, recipe="plain", adjustment="fine_tune")
    pruned = _with_most_common_definition(
        fine_tuned[fine_tuned["structure"].isin(["filters", "layers"]) & fine_tuned["robustness"].notna()]
    )
    one_shot = pruned[pruned["iterations"] == 1]
    chain = pruned[(pruned["structure"] == "filters") & (pruned["criterion"] == "pls")]
    columns = ["over", "structure", "criterion", "iterations", "seeds", "generalization", "robustness"]
    points = [
        {
            "over": over,
            **setting[["structure", "criterion", "iterations"]].iloc[0].to_dict(),
            "seeds": len(setting),
            **setting[["generalization", "robustness"]].mean().to_dict(),
        }
        for over, trials, by in (
            ("settings", one_shot, ["structure", "criterion"]),
            ("iterations", chain, ["iterations"]),
        )
        for setting in (select_comparable(group) for _, group in trials.groupby(by))
    ]
    return pd.DataFrame(points, columns=columns)


def _with_most_common_definition(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that share the most common combination of data set, test images and robustness definition.

    Their accuracies and robustness are comparable.
    """
    if not len(trials):
        return trials
    definition = trials.groupby([*COMPARABLE_WITHIN]).ngroup()
    comparable: pd.DataFrame = trials[definition == definition.mode()[0]]
    return comparable


def figure5(experiments: Experiments) -> Reproduction:
    """Reproduce Figure 5: the share of elements (filters or blocks) whose removal alone raises robustness.

    An element counts only if its removal costs at most a given number of percentage points of clean accuracy, which is
    the x-axis.
    """
    from prunesweep.orchestrator.analyses.elements import DEFAULT_ELEMENT_ATTACKS
    from prunesweep.orchestrator.analyses.loss_curves import HOW_TO_READ, loss_curves, loss_frame

    baseline, _ = _unpruned_and_pruned(experiments)
    rows = experiments.elements[:0] if baseline is None else _most_measured_elements(experiments.elements, baseline)
    missing = []
    for structure, expected in FIGURE5_ELEMENTS.items():
        counts = rows[rows["structure"] == structure].groupby("attack").size()
        measured = int(counts.reindex(DEFAULT_ELEMENT_ATTACKS, fill_value=0).min())
        if measured < expected:
            what = f"{structure}: {measured} of {expected} elements are measured"
            missing.append(
                needs_sweep(what, experiments)
                if baseline is None
                else _missing_elements(structure, what, experiments, baseline)
            )
    data = loss_curves(rows)

    def draw(figure: Figure) -> None:
        for axes, structure in zip(figure.subplots(1, 2), ("filters", "layers"), strict=True):
            for attack, points in data[data["structure"] == structure].groupby("attack"):
                (line,) = axes.plot(points["budget"], points["share"], marker="o", label=f"{attack}, clean above")
                axes.plot(
                    points["budget"],
                    points["share_at_least"],
                    color=line.get_color(),
                    linestyle=":",
                    label=f"{attack}, clean at least",
                )
            axes.set(title=structure, xlabel="loss budget i (p.p.)", ylabel="100 · |L_i| / |E| (%)", ylim=(0, 100))
            _add_legend(axes, fontsize="small")

    return Reproduction(
        "figure5",
        "Single elements whose removal raises robustness (ResNet56)",
        loss_frame(data, FIGURE5),
        data,
        tuple(missing),
        (f"paper | ours, or ours alone, in %: {HOW_TO_READ}",),
        draw,
    )


def _most_measured_elements(elements: pd.DataFrame, baseline: TrialRow) -> pd.DataFrame:
    """Return the rows of a network's elements, for each structure only those measured on one set of test images.

    It is the set with the most rows, and among sets with equally many rows the one with the most images.

    Args:
        elements: the table ``elements``.
        baseline: the trial of the network.
    """
    own = elements[elements["trial_key"] == baseline["trial_key"]]
    analyses = own.groupby(["structure", "images", "test_fingerprint"], as_index=False).size()
    largest = analyses.sort_values(["size", "images"]).drop_duplicates("structure", keep="last")
    chosen: pd.DataFrame = own.merge(largest[["structure", "images", "test_fingerprint"]])
    return chosen


def _unpruned_and_pruned(experiments: Experiments) -> tuple[TrialRow | None, TrialRow | None]:
    """Return a baseline of ResNet56 and the pruned network that descends from it, each None if it is missing."""
    pruned = experiments.first(**PRUNED)
    return baseline_of(experiments, pruned, RESNET), pruned


def _accuracy_by_severity(experiments: Experiments, trial: TrialRow, attack: str) -> pd.DataFrame:
    """Return a trial's accuracy at each severity of an attack; with several kinds of corruption, their mean."""
    rows = experiments.attacks
    rows = rows[(rows["trial_key"] == trial["trial_key"]) & (rows["attack"] == attack)]
    means: pd.DataFrame = rows.groupby("severity", as_index=False)["accuracy"].mean()
    return means


def _missing_transfer(epsilon: float, experiments: Experiments, source: TrialRow, target: TrialRow) -> Gap:
    """Return a gap (missing results and the command that computes them): a transfer between two networks at ε."""
    what = f"{describe_network(target)} on images of the unpruned network at {epsilon_text(epsilon)}"
    return needs_transfer(what, experiments, [source["trial_key"]], [target["trial_key"]], epsilon)


def _missing_elements(structure: str, what: str, experiments: Experiments, baseline: TrialRow) -> Gap:
    """Return a gap (missing results and the command that computes them): elements of a baseline, not yet measured.

    Args:
        structure: ``filters`` or ``layers``.
        what: the missing results, in words.
        experiments: the trials and their store.
        baseline: the trial of the baseline.
    """
    from prunesweep.orchestrator.analyses.elements import single_elements
    from prunesweep.orchestrator.display.elements import describe_progress

    key = str(baseline["trial_key"])
    return Gap(
        what,
        f"prunesweep elements --trial {key[:KEY_DIGITS]} --structure {structure} {in_store(experiments)}",
        lambda progress: single_elements(
            experiments.store, key, structure=structure, progress=lambda event: progress(describe_progress(event))
        ),
    )


def _wide_table(data: pd.DataFrame, *index: str) -> pd.DataFrame:
    """Return accuracies with one column per curve, preceded by the columns ``index`` in reverse order."""
    if not len(data):
        return data
    wide = data.pivot_table(index=list(reversed(index)), columns="curve", values="accuracy")
    shown: pd.DataFrame = wide.round(4).reset_index()
    return shown


def _draw_curves(axes: Axes, data: pd.DataFrame, x: str, y: str) -> None:
    """Draw one line for each value of the column ``curve``."""
    for curve, points in data.groupby("curve"):
        axes.plot(points[x], points[y], marker="o", label=str(curve))


def _add_legend(axes: Axes, **options: Any) -> None:
    """Add a legend if any curve or point was drawn."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**options)


def _draw_points(axes: Axes, points: pd.DataFrame, over: str) -> None:
    """Draw the points of Figure 4, each with its own marker and label."""
    for marker, (_, point) in zip(cycle(MARKERS), points.iterrows(), strict=False):
        label = f"{point['structure']} {point['criterion']}" if over == "settings" else f"×{point['iterations']:g}"
        axes.scatter(point["generalization"], point["robustness"], marker=marker, label=label)


def _mark_epsilons(axes: Axes, epsilons: pd.Series) -> None:
    """Put a tick at each ε of the attacks, labelled in levels of a pixel such as ``8/255``."""
    ticks = sorted(set(epsilons))
    axes.set_xticks(ticks, [epsilon_text(epsilon) for epsilon in ticks], rotation=45)
