"""Figures 1 to 5, as data and as drawings."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import pandas as pd

from prunesweep.orchestrator.paper.experiments import Experiments, TrialRow, measured_alike
from prunesweep.orchestrator.paper.published import FIGURE5, FIGURE5_ELEMENTS
from prunesweep.orchestrator.paper.reproduction import MISSING, Gap, Reproduction
from prunesweep.orchestrator.paper.tables import ONE_SHOT, baseline_of, in_store, needs_sweep, needs_transfer
from prunesweep.orchestrator.query.columns import COMPARABLE_WITHIN
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, describe_network
from prunesweep.orchestrator.statistics import pearson
from prunesweep.sweeps.attacks import epsilon_text
from prunesweep.sweeps.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESNET = "resnet56"
PRUNED = {**ONE_SHOT, "architecture": RESNET, "structure": "filters"}
UNPRUNED_CURVE, PRUNED_CURVE = "unpruned", "pruned (filters, PLS)"
LEAST_POINTS = 4  # of a correlation with an interval
MARKERS = "osD^v<>PX*hd"


def figure1(experiments: Experiments) -> Reproduction:
    """FGSM severity curves: unpruned, pruned, and pruned under the unpruned network's images."""
    unpruned, pruned = _unpruned_and_pruned(experiments)
    curves, missing = [], []
    for label, trial in ((UNPRUNED_CURVE, unpruned), (PRUNED_CURVE, pruned)):
        if trial is None:
            missing.append(needs_sweep(label, experiments))
            continue
        curves.append(_severities(experiments, trial, "fgsm").assign(curve=label))
    if unpruned is not None and pruned is not None:
        crafted = experiments.transferred(unpruned, pruned)
        wanted = sorted(set(curves[0]["severity"]) - set(crafted["severity"]))
        missing += [_crafted_at(epsilon, experiments, unpruned, pruned) for epsilon in wanted]
        curves.append(crafted[["severity", "accuracy"]].assign(curve="pruned, images of the unpruned"))
    data = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=["severity", "accuracy", "curve"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_curves(axes, data, "severity", "accuracy")
        axes.set(xlabel="FGSM severity ε", ylabel="accuracy")
        _tick_in_levels(axes, data["severity"])
        _legend(axes)

    return Reproduction(
        "figure1",
        "Accuracy under FGSM by severity (ResNet56)",
        _pivot(data, "severity"),
        data,
        tuple(missing),
        ("the paper: the pruned network on the unpruned one's images is highest",),
        draw,
    )


def figure2(experiments: Experiments) -> Reproduction:
    """Per epoch, pruned against unpruned: gradient confusion, layer rotation and training loss."""
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
            _legend(axes, fontsize="x-small")

    return Reproduction(
        "figure2",
        "Training dynamics (ResNet56), raw values",
        data,
        data,
        tuple(missing),
        ("raw minimum cosine and raw rotation; neither says by itself which network is better",),
        draw,
    )


def figure3(experiments: Experiments) -> Reproduction:
    """Accuracy over severity for each attack, unpruned against pruned."""
    named = list(zip((UNPRUNED_CURVE, PRUNED_CURVE), _unpruned_and_pruned(experiments), strict=True))
    missing = [needs_sweep(label, experiments) for label, trial in named if trial is None]
    attacks = {"fgsm": "FGSM severity ε", "occlusion": "side of the square (pixels)", "corruptions": "severity (1–5)"}
    curves = [
        _severities(experiments, trial, attack).assign(curve=label, attack=attack)
        for label, trial in named
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
                _tick_in_levels(axes, points["severity"])
            _legend(axes, fontsize="small")

    return Reproduction(
        "figure3",
        "Accuracy by severity of each attack (ResNet56)",
        _pivot(data, "severity", "attack"),
        data,
        tuple(missing),
        ("corruptions: the mean over the kinds; the paper: pruned is above at every severity",),
        draw,
    )


def figure4(experiments: Experiments) -> Reproduction:
    """Robustness against generalization, over settings and over iterations, with Pearson's r."""
    data = _points(experiments)
    shown, missing = [], []
    for over in ("settings", "iterations"):
        points = data[data["over"] == over]
        if len(points) < LEAST_POINTS:
            missing.append(needs_sweep(f"over {over}: {counted(len(points), 'point')} of {LEAST_POINTS}", experiments))
            shown.append({"over": over, "points": len(points), "r": MISSING, "95 % interval": "", "p": ""})
            continue
        found = pearson(points["generalization"].tolist(), points["robustness"].tolist())
        interval = f"{found.low:+.2f} … {found.high:+.2f}"
        shown.append(
            {"over": over, "points": found.n, "r": f"{found.r:+.3f}", "95 % interval": interval, "p": f"{found.p:.3f}"}
        )

    def draw(figure: Figure) -> None:
        for axes, over in zip(figure.subplots(1, 2), ("settings", "iterations"), strict=True):
            _draw_points(axes, data[data["over"] == over], over)
            axes.set(title=f"over {over}", xlabel="generalization (accuracy)", ylabel="robustness (mean accuracy)")
            _legend(axes, fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))

    note = "the paper: r < 0.3 over settings (of some 8 points: an interval of −0.55 … 0.81), < 0.4 over iterations"
    return Reproduction(
        "figure4",
        "Robustness against generalization (ResNet56)",
        pd.DataFrame(shown),
        data,
        tuple(missing),
        (note, "points are means over seeds; a point a structure × criterion, or an iteration of filters by PLS"),
        draw,
    )


def _points(experiments: Experiments) -> pd.DataFrame:
    """A point a structure × criterion after one iteration, and a point an iteration of filters by PLS."""
    plain = experiments.meeting(architecture=RESNET, recipe="plain", adjustment="fine_tune")
    pruned = _of_one_definition(plain[plain["structure"].isin(["filters", "layers"]) & plain["robustness"].notna()])
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
        for setting in (measured_alike(group) for _, group in trials.groupby(by))
    ]
    return pd.DataFrame(points, columns=columns)


def _of_one_definition(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose robustness means the same, on the same images: those of the definition that most have."""
    if not len(trials):
        return trials
    definition = trials.groupby([*COMPARABLE_WITHIN]).ngroup()
    alike: pd.DataFrame = trials[definition == definition.mode()[0]]
    return alike


def figure5(experiments: Experiments) -> Reproduction:
    """Single elements: the share of those whose removal alone raises robustness within a loss budget."""
    from prunesweep.orchestrator.analyses.elements import DEFAULT_ATTACKS
    from prunesweep.orchestrator.analyses.loss_curves import HOW_TO_READ, loss_curves, loss_frame

    baseline, _ = _unpruned_and_pruned(experiments)
    rows = experiments.elements[:0] if baseline is None else _whole_elements(experiments.elements, baseline)
    missing = []
    for structure, wanted in FIGURE5_ELEMENTS.items():
        found = rows[rows["structure"] == structure].groupby("attack").size()
        measured = int(found.reindex(DEFAULT_ATTACKS, fill_value=0).min())
        if measured < wanted:
            what = f"{structure}: {measured} of {wanted} are measured"
            missing.append(
                needs_sweep(what, experiments) if baseline is None else _single(structure, what, experiments, baseline)
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
            _legend(axes, fontsize="small")

    return Reproduction(
        "figure5",
        "Single elements whose removal raises robustness (ResNet56)",
        loss_frame(data, FIGURE5),
        data,
        tuple(missing),
        (f"paper | ours, or ours alone, in %: {HOW_TO_READ}",),
        draw,
    )


def _whole_elements(elements: pd.DataFrame, baseline: TrialRow) -> pd.DataFrame:
    """A network's rows, of each structure on the images on which most elements were measured, or most images."""
    own = elements[elements["trial_key"] == baseline["trial_key"]]
    runs = own.groupby(["structure", "images", "test_fingerprint"], as_index=False).size()
    chosen = runs.sort_values(["size", "images"]).drop_duplicates("structure", keep="last")
    whole: pd.DataFrame = own.merge(chosen[["structure", "images", "test_fingerprint"]])
    return whole


def _unpruned_and_pruned(experiments: Experiments) -> tuple[TrialRow | None, TrialRow | None]:
    """ResNet56 with fewer filters, and the baseline that it descends from."""
    pruned = experiments.first(**PRUNED)
    return baseline_of(experiments, pruned, RESNET), pruned


def _severities(experiments: Experiments, trial: TrialRow, attack: str) -> pd.DataFrame:
    """severity, accuracy: the mean over the attack's kinds."""
    rows = experiments.attacks
    rows = rows[(rows["trial_key"] == trial["trial_key"]) & (rows["attack"] == attack)]
    means: pd.DataFrame = rows.groupby("severity", as_index=False)["accuracy"].mean()
    return means


def _crafted_at(epsilon: float, experiments: Experiments, source: TrialRow, target: TrialRow) -> Gap:
    what = f"{describe_network(target)} on images of the unpruned at {epsilon_text(epsilon)}"
    return needs_transfer(what, experiments, [source["trial_key"]], [target["trial_key"]], epsilon)


def _single(structure: str, what: str, experiments: Experiments, baseline: TrialRow) -> Gap:
    from prunesweep.orchestrator.analyses.elements import single_elements
    from prunesweep.orchestrator.display.elements import progress_line

    key = str(baseline["trial_key"])
    return Gap(
        what,
        f"prunesweep elements --trial {key[:KEY_DIGITS]} --structure {structure} {in_store(experiments)}",
        lambda progress: single_elements(
            experiments.store, key, structure=structure, progress=lambda event: progress(progress_line(event))
        ),
    )


def _pivot(data: pd.DataFrame, *index: str) -> pd.DataFrame:
    if not len(data):
        return data
    wide = data.pivot_table(index=list(reversed(index)), columns="curve", values="accuracy")
    shown: pd.DataFrame = wide.round(4).reset_index()
    return shown


def _draw_curves(axes: Axes, data: pd.DataFrame, x: str, y: str) -> None:
    for curve, points in data.groupby("curve"):
        axes.plot(points[x], points[y], marker="o", label=str(curve))


def _legend(axes: Axes, **options: Any) -> None:
    """Of what is drawn; none of nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**options)


def _draw_points(axes: Axes, points: pd.DataFrame, over: str) -> None:
    for marker, (_, point) in zip(cycle(MARKERS), points.iterrows(), strict=False):
        label = f"{point['structure']} {point['criterion']}" if over == "settings" else f"×{point['iterations']:g}"
        axes.scatter(point["generalization"], point["robustness"], marker=marker, label=label)


def _tick_in_levels(axes: Axes, epsilons: pd.Series) -> None:
    """Marks the ε that were attacked within, in levels of a pixel."""
    shown = sorted(set(epsilons))
    axes.set_xticks(shown, [epsilon_text(epsilon) for epsilon in shown], rotation=45)
