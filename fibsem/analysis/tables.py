"""Tables in the layout of the thesis, from the records of evaluations or of labelled squares.

A record is the ``summary.json`` of one evaluation: ``model``, ``nbhd`` and spreads (``mean``,
``std``) of figures by group.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from fibsem.analysis.metrics import Confusion, over_squares, pooled
from fibsem.analysis.over_places import interval_by_pixels
from fibsem.places import by_place, spot_of

Record = Mapping[str, Any]


#: Keys of an evaluation that say nothing of its model, or what its name says already.
ELSEWHERE = ("model", "nbhd", "data", "output", "overwrite", "seeds", "compare", "budget")


def name_of(record: Record) -> str:
    """A model as the thesis writes it, with its loss where that is not cross-entropy.

    >>> name_of({"model": "2dcnn", "nbhd": "81x81x3", "loss": "bce"})
    '2dcnn(81,81,3)'
    """
    name = f"{record['model']}({record['nbhd'].replace('x', ',')})"
    return name if record.get("loss", "bce") == "bce" else f"{name} {record['loss']}"


def names_of(records: Sequence[Record]) -> list[str]:
    """Models by name; of those with one name, what was typed for each and not for all of them.

    >>> same = {"model": "unet", "nbhd": "33x33x3", "run_id": "5f3a90"}
    >>> commands = ("python -m fibsem.evaluate", "python -m fibsem.evaluate train.optimizer=adam")
    >>> names_of([{**same, "command": command} for command in commands])
    ['unet(33,33,3)', 'unet(33,33,3) train.optimizer=adam']
    """
    plain = [name_of(record) for record in records]
    typed = [_typed(record) for record in records]
    names = []
    for name, own in zip(plain, typed, strict=True):
        alike = [others for other, others in zip(plain, typed, strict=True) if other == name]
        names.append(" ".join([name, *(word for word in own if any(word not in o for o in alike))]))
    return [
        name if names.count(name) == 1 else f"{name} {str(record.get('run_id'))[:8]}"
        for name, record in zip(names, records, strict=True)
    ]


def _typed(record: Record) -> list[str]:
    """What was typed for an evaluation and says how it was trained."""
    words = shlex.split(record.get("command") or "")[3:]
    keys = [word.partition("=")[0] for word in words]
    own = [key not in ELSEWHERE and not key.startswith(("data.", "tracking.")) for key in keys]
    return [word for word, is_own in zip(words, own, strict=True) if is_own]


def plus_minus(spread: Mapping[str, float | None], digits: int, scale: float = 1.0) -> str:
    """Mean and s.d. in one cell; the mean alone where there is a single run.

    >>> plus_minus({"mean": 0.8008, "std": 0.0029}, 2, 100)
    '80.08 ± 0.29'
    """
    mean, std = spread["mean"], spread["std"]
    if mean is None:
        return ""
    text = f"{scale * mean:.{digits}f}"
    return text if std is None or std != std else f"{text} ± {scale * std:.{digits}f}"


def parameters(records: Iterable[Record]) -> pd.DataFrame:
    """Trainable parameters by model and (n_x, n_y), at the deepest n_z (Table 4.4)."""
    cells: dict[str, dict[int, int]] = {}
    for record in sorted(records, key=lambda r: int(r["nbhd"].split("x")[2])):
        n = int(record["nbhd"].split("x")[0])
        cells.setdefault(record["model"], {})[n] = int(record["parameters"]["mean"])
    table = pd.DataFrame.from_dict(cells, orient="index").sort_index(axis=1).astype("Int64")
    table.columns = pd.Index([f"({n}, {n})" for n in table.columns])
    table.index.name = "model"
    return table.reset_index()


def training(records: Iterable[Record]) -> pd.DataFrame:
    """Validation mIoU, loss and training time, best first (Tables 4.5 and 4.6)."""
    ordered = sorted(records, key=lambda r: -r["val"]["miou"]["mean"])
    return pd.DataFrame(
        {
            "model": names_of(ordered),
            "val mIoU %": [plus_minus(r["val"]["miou"], 2, 100) for r in ordered],
            "val loss": [plus_minus(r["val"]["loss"], 3) for r in ordered],
            "training time (s)": [plus_minus(r["train_seconds"], 0) for r in ordered],
            "epochs": [plus_minus(r["epochs"], 0) for r in ordered],
            "parameters": [int(r["parameters"]["mean"]) for r in ordered],
        }
    )


def splits(records: Iterable[Record]) -> pd.DataFrame:
    """MIoU and accuracy on train, validation and test pixels, balanced (Table 4.7)."""
    ordered = sorted(records, key=lambda r: -r["val"]["miou"]["mean"])
    table: dict[str, list[Any]] = {"model": names_of(ordered)}
    for split in ("train", "val", "test"):
        for key, label in (("miou", "mIoU"), ("accuracy", "accuracy")):
            column = [plus_minus(r[split][key], 2, 100) for r in ordered]
            table[f"{split} {label} %"] = column
    return pd.DataFrame(table)


def confusion(counts: Sequence[Sequence[int]]) -> pd.DataFrame:
    """One confusion matrix in per cent of all pixels (Table 4.9)."""
    total = sum(map(sum, counts))
    rows = [[f"{100 * value / total:.2f}" for value in row] for row in counts]
    table = pd.DataFrame(rows, columns=["predicted pore %", "predicted solid %"])
    table.insert(0, "label", ["pore", "solid"])
    return table


def labelled(record: Record, group: str = "all") -> pd.DataFrame:
    """All labelled pixels by sample and combined: mIoU, accuracy, porosity (Tables 4.10, 4.12).

    ``group`` is ``all`` (T = 0.5) or ``chosen`` (threshold chosen on validation).
    """
    rows = []
    for split in ("train", "val", "test"):
        key = f"{split}_{group}"
        for sample, figures in record["samples"].items():
            if key in figures:
                rows.append(_labelled_row(split, sample, figures[key]))
        if key in record:
            rows.append(_labelled_row(split, "combined", record[key]))
    return pd.DataFrame(rows)


def post_processing(
    squares: Sequence[Record], before: str = "before", after: str = "after"
) -> pd.DataFrame:
    """Scores before and after post-processing, of one model (Tables 4.10 and 4.12 in one).

    Parameters
    ----------
    squares
        One record for every labelled square: ``split``, ``sample``, where it begins ``at``
        (z, y, x) and two confusion matrices ``counts[label][prediction]``.
    before, after
        Under which keys the matrices are.

    Returns
    -------
    DataFrame
        Two rows for each sample of a split and two for all its samples together, from pooled
        pixels; the interval is over squares, of which those of one place are one.
    """
    rows = []
    for split in ("train", "val", "test"):
        of_split = [square for square in squares if square["split"] == split]
        names = dict.fromkeys(square["sample"] for square in of_split)
        by_sample = {name: [s for s in of_split if s["sample"] == name] for name in names}
        for sample, members in [*by_sample.items(), ("combined", of_split)]:
            for when, key in (("before", before), ("after", after)):
                places = by_place(
                    (spot_of(one["sample"], one), counted)
                    for one in members
                    if (counted := Confusion.from_counts(one[key])).pixels
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


def _one_run(places: Iterable[Sequence[Confusion]]) -> dict[str, Any]:
    """Figures of the squares of places as spreads of a single run, with that of porosity."""
    low, high = interval_by_pixels([pooled(some) for some in places])
    figures = {
        **over_squares([part for some in places for part in some]),
        "porosity_low": low,
        "porosity_high": high,
    }
    return {key: {"mean": value, "std": None} for key, value in figures.items()}


def _labelled_row(split: str, sample: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (figures.get(f"porosity_{end}", {}).get("mean") for end in ("low", "high"))
    has_interval = low is not None and low == low  # nan: a single square has no interval
    median = figures.get("iou_pore_median")  # which versions before did not tell
    return {
        "split": split,
        "sample": sample,
        "mIoU": plus_minus(figures["miou"], 4),
        "accuracy": plus_minus(figures["accuracy"], 4),
        "pore IoU": plus_minus(figures["iou_pore"], 4) if "iou_pore" in figures else "",
        "pore IoU, median of squares": plus_minus(median, 4) if median else "",
        "porosity %": plus_minus(figures["porosity"], 2, 100),
        "95 % CI over places": f"[{100 * low:.2f}, {100 * high:.2f}]" if has_interval else "",
        "labelled porosity %": plus_minus(figures["label_porosity"], 2, 100),
    }


def comparison(records: Iterable[Record], group: str = "chosen") -> pd.DataFrame:
    """MIoU and accuracy on all labelled pixels, validation and test (Table 5.1)."""
    usable = [r for r in records if f"test_{group}" in r and f"val_{group}" in r]
    ordered = sorted(usable, key=lambda r: r[f"test_{group}"]["miou"]["mean"])
    table: dict[str, list[Any]] = {"model": names_of(ordered)}
    for split in ("val", "test"):
        for key, label in (("miou", "mIoU"), ("accuracy", "accuracy")):
            table[f"{split} {label}"] = [plus_minus(r[f"{split}_{group}"][key], 4) for r in ordered]
    medians = [r[f"test_{group}"].get("iou_pore_median") for r in ordered]
    if any(medians):
        table["test pore IoU, median of squares"] = [plus_minus(m, 4) if m else "" for m in medians]
    truth = [r.get("test_truth") for r in ordered]
    if any(truth):
        table["test mIoU against truth"] = [plus_minus(t["miou"], 4) if t else "" for t in truth]
    table["parameters"] = [int(r["parameters"]["mean"]) for r in ordered]
    table["training time (s)"] = [plus_minus(r["train_seconds"], 0) for r in ordered]
    table["s per gigapixel"] = [plus_minus(r["seconds_per_gigapixel"], 0) for r in ordered]
    return pd.DataFrame(table)


def trials(rows: Sequence[Record]) -> pd.DataFrame:
    """Trials with their figures and hyperparameters, numbers to four digits."""
    return pd.DataFrame(
        [{key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows]
    )


def ranking(rows: Sequence[Record]) -> pd.DataFrame:
    """Trials that were run again, best first; what the paired test cannot tell apart is tied."""
    table = []
    for row in rows:
        line = {
            "rank": row["rank"],
            "trial": row["trial"],
            "hyperparameters": row["hyperparameters"],
            "loss in the sweep": f"{row['search_loss']:.4f}",
        }
        if (goal := row.get("ranked_by", "val/loss")) != "val/loss":
            line[f"{goal} in the sweep"] = f"{row['search_value']:.4f}"
        if "val_miou" in row:
            spread = {"mean": row["val_miou"], "std": row["val_miou_sd"]}
            line["val mIoU"] = plus_minus(spread, 4)
            line["seeds"] = str(row["seeds"])
            if any(other.get("diverged") for other in rows):
                line["diverged"] = str(row["diverged"])
            line["training time (s)"] = f"{row['train_seconds']:.0f}"
        if row["seconds_per_gigapixel"] is not None:
            line["s per gigapixel"] = f"{row['seconds_per_gigapixel']:.0f}"
        if "difference" in row:
            p = row["p_value"]
            line["over squares, against the first"] = f"{row['difference']:+.4f}"
            line["p"] = "too few" if p is None else f"{p:.3g}"
            line["tied"] = "yes" if row["tied"] else "no"
            if "places" in row:  # which versions before did not tell
                line["places"] = str(row["places"])
        elif "val_miou" in row and row["rank"] > 1:
            line["tied"] = "not tested: scored on other pixels"
        table.append(line)
    return pd.DataFrame(table).fillna("")
