"""Tables in the layout of the thesis, from evaluation summaries or labelled squares."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import pandas as pd

from fibsem.analysis.metrics import Confusion, over_squares, pooled
from fibsem.analysis.over_places import interval_by_pixels
from fibsem.places import Spot, by_place
from fibsem.system import metric_names
from fibsem.system.summaries.evaluation import EvaluationSummary, Group, Split, SquareFigures
from fibsem.system.summaries.figures import Spread
from fibsem.system.summaries.promotion import RankedTrial, RunAgain, SquareRow

Facts = Mapping[str, Any]
SPLITS: tuple[Split, ...] = get_args(Split)

#: Options of an evaluation that do not describe the model, or are part of its name.
ELSEWHERE = (
    "model", "nbhd", "data", "output", "overwrite", "seeds", "compare", "budget", "budget_is",
    "plan",
)  # fmt: skip


def name_of(evaluation: EvaluationSummary) -> str:
    """Return a model's name as in the thesis, ``2dcnn(81,81,3)``, plus its loss unless ``bce``."""
    name = f"{evaluation.model}({evaluation.nbhd.replace('x', ',')})"
    return name if evaluation.loss == "bce" else f"{name} {evaluation.loss}"


def names_of(evaluations: Sequence[EvaluationSummary]) -> list[str]:
    """Return unique names of models; equal names are extended by the options that differ.

    For example ``unet(33,33,3)`` and ``unet(33,33,3) train.optimizer=adam``. If their options are
    equal, too, the first eight characters of the run ID are appended.
    """
    plain = [name_of(evaluation) for evaluation in evaluations]
    typed = [_typed(evaluation) for evaluation in evaluations]
    names = []
    for name, options in zip(plain, typed, strict=True):
        namesakes = [
            words for plain_name, words in zip(plain, typed, strict=True) if plain_name == name
        ]
        names.append(
            " ".join([name, *(word for word in options if any(word not in o for o in namesakes))])
        )
    return [
        name if names.count(name) == 1 else f"{name} {str(evaluation.run_id)[:8]}"
        for name, evaluation in zip(names, evaluations, strict=True)
    ]


def _typed(evaluation: EvaluationSummary) -> list[str]:
    """Return the command-line options of an evaluation that describe its training."""
    words = shlex.split(evaluation.command or "")[3:]
    keys = [word.partition("=")[0] for word in words]
    describes = [
        key not in ELSEWHERE and not key.startswith(("data.", "tracking.")) for key in keys
    ]
    return [word for word, is_own in zip(words, describes, strict=True) if is_own]


def plus_minus(spread: Spread | None, digits: int, scale: float = 1.0) -> str:
    """Mean and s.d. as text; only the mean for a single run, empty without runs.

    Examples
    --------
    >>> plus_minus(Spread(0.8008, 0.0029), 2, 100), plus_minus(None, 2)
    ('80.08 ± 0.29', '')
    """
    if spread is None or math.isnan(spread.mean):
        return ""
    text = f"{scale * spread.mean:.{digits}f}"
    return text if math.isnan(spread.std) else f"{text} ± {scale * spread.std:.{digits}f}"


def parameters(evaluations: Iterable[EvaluationSummary]) -> pd.DataFrame:
    """Return trainable parameters by model and (n_x, n_y), at the largest n_z (Table 4.4).

    Models with equal names have separate rows, extended by the options that differ.
    """
    cells: dict[str, dict[tuple[int, int], int]] = {}
    ordered = sorted(evaluations, key=lambda summary: summary.sides[2])
    for name, evaluation in zip(names_of(ordered), ordered, strict=True):
        row = f"{evaluation.model}{name.removeprefix(name_of(evaluation))}"
        cells.setdefault(row, {})[evaluation.sides[:2]] = int(evaluation.parameters.mean)
    table = pd.DataFrame.from_dict(cells, orient="index").sort_index(axis=1).astype("Int64")
    table.columns = pd.Index([f"({x}, {y})" for x, y in table.columns])
    table.index.name = "model"
    return table.reset_index()


def training(evaluations: Iterable[EvaluationSummary]) -> pd.DataFrame:
    """Return validation mIoU, loss and training time, best first (Tables 4.5 and 4.6)."""
    ordered = best_first(evaluations)
    return pd.DataFrame(
        {
            "model": names_of(ordered),
            "val mIoU %": [plus_minus(evaluation.val.miou, 2, 100) for evaluation in ordered],
            "val loss": [plus_minus(evaluation.val.loss, 3) for evaluation in ordered],
            "training time (s)": [
                plus_minus(evaluation.train_seconds, 0) for evaluation in ordered
            ],
            "epochs": [plus_minus(evaluation.epochs, 0) for evaluation in ordered],
            "parameters": [int(evaluation.parameters.mean) for evaluation in ordered],
        }
    )


def best_first(evaluations: Iterable[EvaluationSummary]) -> list[EvaluationSummary]:
    """Sort evaluations by mIoU on the balanced validation pixels, best first."""
    return sorted(evaluations, key=lambda evaluation: -evaluation.val.miou.mean)


def splits(evaluations: Iterable[EvaluationSummary]) -> pd.DataFrame:
    """Return mIoU and accuracy on balanced train, validation and test pixels (Table 4.7)."""
    ordered = best_first(evaluations)
    table: dict[str, list[Any]] = {"model": names_of(ordered)}
    for split in SPLITS:
        scored = [evaluation.balanced(split) for evaluation in ordered]
        table[f"{split} mIoU %"] = [plus_minus(balanced.miou, 2, 100) for balanced in scored]
        table[f"{split} accuracy %"] = [
            plus_minus(balanced.accuracy, 2, 100) for balanced in scored
        ]
    return pd.DataFrame(table)


def confusion(counts: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Return a confusion matrix in per cent of all pixels (Table 4.9)."""
    total = sum(map(sum, counts))
    rows = [[f"{100 * value / total:.2f}" for value in row] for row in counts]
    table = pd.DataFrame(rows, columns=["predicted pore %", "predicted solid %"])
    table.insert(0, "label", ["pore", "solid"])
    return table


def labelled(evaluation: EvaluationSummary, group: Group = "all") -> pd.DataFrame:
    """Return metrics on all labelled pixels, by sample and combined (Tables 4.10, 4.12).

    ``group`` is ``all`` (T = 0.5) or ``chosen`` (threshold chosen on validation).
    """
    rows = []
    for split in SPLITS:
        for sample, groups in evaluation.samples.items():
            if f"{split}_{group}" in groups:
                rows.append(_labelled_row(split, sample, groups[f"{split}_{group}"]))
        if combined := evaluation.labelled(split, group):
            rows.append(_labelled_row(split, "combined", combined))
    return pd.DataFrame(rows)


def post_processing(squares: Sequence[SquareRow]) -> pd.DataFrame:
    """Return metrics of one model before and after post-processing (Tables 4.10 and 4.12 in one).

    Parameters
    ----------
    squares
        Every labelled square, with its confusion matrices before and after.

    Returns
    -------
    DataFrame
        Two rows for each sample of a split and two for all its samples together, from pooled
        pixels; the interval is over places, which pool their squares.
    """
    rows = []
    for split in SPLITS:
        of_split = [square for square in squares if square.split == split]
        names = dict.fromkeys(square.sample for square in of_split)
        by_sample = {name: [s for s in of_split if s.sample == name] for name in names}
        for sample, members in [*by_sample.items(), ("combined", of_split)]:
            for when, key in (("before", "half"), ("after", "chosen")):
                places = by_place(
                    (Spot(square.sample, square.at, square.size), counted)
                    for square in members
                    if (counted := Confusion(getattr(square, key))).pixels
                )
                if places:
                    rows.append(_labelled_row(split, sample, _one_run(places.values())))
                    rows[-1] |= {
                        "post-processing": when,
                        "squares": sum(map(len, places.values())),
                        "places": len(places),
                    }
    order = ("split", "sample", "post-processing", "squares", "places")
    return pd.DataFrame([{key: row[key] for key in (*order, *row)} for row in rows])


def _one_run(places: Iterable[Sequence[Confusion]]) -> SquareFigures:
    """Return the metrics of squares by place, with the interval of porosity, as a single run."""
    low, high = interval_by_pixels([pooled(place) for place in places])
    figures = over_squares([square for place in places for square in place])
    figures |= {"porosity_low": low, "porosity_high": high}
    return SquareFigures(**{key: Spread(value, math.nan) for key, value in figures.items()})


def _labelled_row(split: str, sample: str, figures: SquareFigures) -> dict[str, object]:
    ends = [end.mean for end in (figures.porosity_low, figures.porosity_high) if end]
    interval = ", ".join(f"{100 * end:.2f}" for end in ends if not math.isnan(end))
    return {
        "split": split,
        "sample": sample,
        "mIoU": plus_minus(figures.miou, 4),
        "accuracy": plus_minus(figures.accuracy, 4),
        "pore IoU": plus_minus(figures.iou_pore, 4),
        "pore IoU, median of squares": plus_minus(figures.iou_pore_median, 4),
        "porosity %": plus_minus(figures.porosity, 2, 100),
        "95 % CI over places": f"[{interval}]" if "," in interval else "",  # none for one square
        "labelled porosity %": plus_minus(figures.label_porosity, 2, 100),
    }


def comparison(evaluations: Iterable[EvaluationSummary], group: Group = "chosen") -> pd.DataFrame:
    """Return mIoU and accuracy on all labelled validation and test pixels (Table 5.1)."""
    scored = [
        (evaluation, {"val": val, "test": test})
        for evaluation in evaluations
        if (val := evaluation.labelled("val", group))
        and (test := evaluation.labelled("test", group))
    ]
    scored.sort(key=lambda pair: pair[1]["test"].miou.mean)
    ordered, figures = (
        [evaluation for evaluation, _ in scored],
        [by_split for _, by_split in scored],
    )
    table: dict[str, list[Any]] = {"model": names_of(ordered)}
    for split in ("val", "test"):
        table[f"{split} mIoU"] = [plus_minus(by_split[split].miou, 4) for by_split in figures]
        table[f"{split} accuracy"] = [
            plus_minus(by_split[split].accuracy, 4) for by_split in figures
        ]
    table["test pore IoU, median of squares"] = [
        plus_minus(by_split["test"].iou_pore_median, 4) for by_split in figures
    ]
    table["test mIoU against truth"] = [
        plus_minus(evaluation.test_truth.miou, 4) if evaluation.test_truth else ""
        for evaluation in ordered
    ]
    # drop columns that older versions lack, or that exist for phantoms only
    table = {key: column for key, column in table.items() if any(column)}
    table["parameters"] = [int(evaluation.parameters.mean) for evaluation in ordered]
    table["training time (s)"] = [plus_minus(evaluation.train_seconds, 0) for evaluation in ordered]
    table["s per gigapixel"] = [
        plus_minus(evaluation.seconds_per_gigapixel, 0) for evaluation in ordered
    ]
    return pd.DataFrame(table)


def trials(rows: Sequence[Facts]) -> pd.DataFrame:
    """Return trials with their metrics and hyperparameters, numbers with four digits."""
    return pd.DataFrame(
        [{key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows]
    )


def ranking(trials: Sequence[RankedTrial]) -> pd.DataFrame:
    """Return ranked trials, best first; tied if a paired test cannot tell them from the first."""
    diverged = any(trial.again and trial.again.diverged for trial in trials)
    rows = [
        {
            "rank": trial.rank,
            "trial": trial.trial,
            "hyperparameters": trial.hyperparameters,
            **_in_sweep(trial),
            **(_run_again(trial.ordered_by, trial.again, diverged) if trial.again else {}),
            **_costing(trial),
            **_against_first(trial),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows).fillna("")


def _in_sweep(trial: RankedTrial) -> dict[str, str]:
    """Return the cells with a trial's results in its sweep."""
    cells = {"loss in the sweep": f"{trial.search_loss:.4f}"}
    if trial.ranked_by != metric_names.VAL_LOSS:
        cells[f"{trial.ranked_by} in the sweep"] = f"{trial.search_value:.4f}"
    return cells


def _run_again(ordered_by: str | None, again: RunAgain, diverged: bool) -> dict[str, str]:
    """Return the cells with results of fresh seeds, and of divergence if any trial diverged."""
    cells = {}
    if ordered_by is not None and ordered_by != metric_names.VAL_MIOU:
        cells[ordered_by] = plus_minus(Spread(again.rank_value, again.rank_value_sd), 4)
    cells["val mIoU"] = plus_minus(Spread(again.val_miou, again.val_miou_sd), 4)
    median, sd = again.val_iou_pore_median, again.val_iou_pore_median_sd
    spread = None if median is None else Spread(median, math.nan if sd is None else sd)
    cells["val pore IoU, median of squares"] = plus_minus(spread, 4)
    cells["seeds"] = str(again.seeds)
    if diverged:
        cells["diverged"] = str(again.diverged)
    return {**cells, "training time (s)": f"{again.train_seconds:.0f}"}


def _costing(trial: RankedTrial) -> dict[str, str]:
    cost = trial.seconds_per_gigapixel
    return {} if cost is None else {"s per gigapixel": f"{cost:.0f}"}


def _against_first(trial: RankedTrial) -> dict[str, str]:
    """Return the cells that compare a trial with the first one over squares."""
    against = trial.against_first
    if against is None:
        alone = trial.again is None or trial.rank == 1
        return {} if alone else {"tied": "not tested: scored on other pixels"}
    return {
        "over squares, against the first": f"{against.difference:+.4f}",
        "p": "too few" if against.p_value is None else f"{against.p_value:.3g}",
        "tied": "yes" if against.tied else "no",
        "places": str(against.places),
    }
