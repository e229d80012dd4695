"""A model card: what a model is for, what it was made from, how good it is, what it cannot do.

Built from a plain record; a fact that is not in it is left out, never guessed. Sections in the
order of Mitchell et al., *Model Cards for Model Reporting* (2019), shortened to this use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from fibsem.analysis.encoding import markdown

Record = Mapping[str, Any]

#: Name of the card in a bundle's folder.
FILE = "MODEL_CARD.md"
SPLITS = {"train": "training", "val": "validation", "test": "test"}
POSTPROCESSING = {
    "sigma": "Gaussian smoothing, sigma (px)",
    "threshold": "Threshold",
    "rounds": "Rounds",
    "min_size": "Smallest component (px)",
}
SHORTENED = f"*Shortened: the whole card is {FILE} among the artifacts of the model.*"

INTENDED = """\
Labels every voxel of a FIB-SEM stack of a porous film as pore or solid, to measure its porosity and
to look at its pores. Made for stacks of the material, the instrument, the voxel size and the
preparation of its training data.

Not for stacks of other materials, instruments or voxel sizes without labelled squares of their own
to test on, not for more than two phases, and not for decisions that nobody looks at."""

LIMITS = """\
- What is stated here was measured on the squares of this dataset. It says nothing about films,
  instruments, voxel sizes or settings of the beam that are not in it.
- The labels are taken for the truth: errors in them that the model has learnt do not show.
- Threshold, smoothing and smallest component were chosen on the validation squares: figures on
  these are a little too good, those on the test squares are not touched by it.
- Training is balanced between pore and solid, a volume is not: without the chosen threshold the
  rarer class is found too often.
- The 95 % interval of a porosity is over slices or squares taken as independent; neighbouring
  slices are not, so that it is too narrow. It does not hold the error of the classifier.
- Grey values are corrected anew for every stack, from the stack itself: the labels of a small piece
  differ a little from those of the same piece in a whole stack."""

USE = """\
```
python -m fibsem.segment volume=my/stack weights=models:/fibsem@champion output=labels
mlflow models serve -m models:/fibsem@champion --env-manager local --port 5000
```
```python
model = mlflow.pyfunc.load_model("models:/fibsem@champion")
labels = model.predict(stack)  # (z, y, x) of the dtype in its signature; 0 pore, 1 solid
solid = model.predict(stack, params={"output": "probabilities"})
labels = model.unwrap_python_model().predict(None, stack)  # uint8, uint16 or float32 in [0, 1]
```
A server takes `{"inputs": [[[...]]]}` at `/invocations`."""


def model_card(record: Record) -> str:
    """The card in Markdown.

    Parameters
    ----------
    record
        ``model`` {name, nbhd, padding, field, parameters, members} and, where they are known,
        ``data`` {name, hash, samples, voxel_nm, regions {train, val, test}}, ``training`` {epochs,
        seconds, share, seeds}, ``tables`` {title: rows}, ``postprocessing``, ``calibration``
        {temperature, ece_before, ece_after, test_ece_before, test_ece_after}, ``ensemble``
        {members, gain_miou, cost_ratio}, ``gate`` {passed, reason}, ``test_all``
        and ``lineage`` {study, trial, run_id, code}. Any of their keys may be missing or None.
    """
    sections: dict[str, str] = {
        "Intended use": INTENDED,
        "Model": _model(record),
        "Data": _data(_part(record, "data")),
        "Training": _training(_part(record, "training")),
        "Test": _test(record),
        "Figures": _figures(record),
        "Limits": LIMITS,
        "Use": USE,
        "Lineage": _lineage(_part(record, "lineage")),
    }
    title = f"# {record['model']['name']}: pore and solid in FIB-SEM stacks"
    written = [f"## {name}\n\n{text}" for name, text in sections.items() if text]
    return "\n\n".join([title, *written]) + "\n"


def shortened(card: str, most: int) -> str:
    """The card in at most so many characters: whole sections, the longest left out first."""
    head, *sections = card.rstrip().split("\n\n## ")
    kept = list(sections)
    while len(text := _joined(head, kept, len(kept) < len(sections))) > most and kept:
        kept.remove(max(kept, key=len))
    return text[:most]


def _joined(head: str, sections: Sequence[str], cut: bool) -> str:
    parts = [head, *([SHORTENED] if cut else []), *(f"## {section}" for section in sections)]
    return "\n\n".join(parts) + "\n"


def _model(record: Record) -> str:
    return _items(
        record["model"],
        {
            "name": ("Architecture", str),
            "nbhd": ("Neighbourhood, x by y by z", str),
            "padding": ("Padding", str),
            "field": ("Pixels that it sees", _listed),
            "parameters": ("Trainable parameters", _listed),
            "members": ("Members, whose mean probability is used", _number),
        },
    )


def _data(data: Record) -> str:
    regions, size = data.get("regions") or {}, data.get("voxel_nm") or ()
    counts = [
        f"{_number(regions[key])} {name}"
        for key, name in SPLITS.items()
        if regions.get(key) is not None
    ]
    return _items(
        {**data, "regions": counts or None, "voxel_nm": size if any(size) else None},
        {
            "name": ("Dataset", str),
            "samples": ("Samples", _listed),
            "voxel_nm": ("Voxel size, z by y by x", _voxel),
            "regions": ("Labelled squares", _listed),
            "hash": ("Hash of data and split", str),
        },
    )


def _training(training: Record) -> str:
    return _items(
        training,
        {
            "share": ("Share of the labelled training pixels in an epoch", _number),
            "epochs": ("Epochs", _number),
            "seconds": ("Time (s)", _number),
            "seeds": ("Seeds", _listed),
        },
    )


def _test(record: Record) -> str:
    """What one reads first: the test, the verdict, calibration, what an ensemble brings."""
    test = dict(_part(record, "test_all"))
    found, labelled = test.get("porosity"), test.get("label_porosity")
    if found is not None and labelled is not None:
        test["error"] = 100 * (found - labelled)
    gate = dict(_part(record, "gate"))
    if gate.get("passed") is not None:
        gate["passed"] = "passed" if gate["passed"] else "refused"
    lines = [
        _items(
            test,
            {
                "miou": ("mIoU on every labelled test pixel, post-processed", _number),
                "accuracy": ("Accuracy", _number),
                "iou_pore": ("IoU of pore", _number),
                "iou_pore_median": ("IoU of pore, median of the squares", _number),
                "iou_solid": ("IoU of solid", _number),
                "porosity": ("Porosity found", _per_cent),
                "label_porosity": ("Porosity labelled", _per_cent),
                "error": ("Error of the porosity (points)", "{:+.2f}".format),
                "loss": ("Cross-entropy", _number),
            },
        ),
        _items(
            _part(record, "calibration"),
            {
                "temperature": ("Temperature of the probabilities", _number),
                "offset": ("Offset of their logits", "{:+.3f}".format),
                "test_ece_before": ("Expected calibration error without it, test", _number),
                "test_ece_after": ("Expected calibration error with it, test", _number),
                "ece_before": ("Expected calibration error without it, validation", _number),
                "ece_after": (
                    "Expected calibration error with it, validation, which it was fitted to",
                    _number,
                ),
            },
        ),
        _items(
            _part(record, "ensemble"),
            {
                "members": ("Networks in the ensemble, each a training", _number),
                "gain_miou": ("Gain in test mIoU over one of them", "{:+.4f}".format),
                "cost_ratio": ("Time of a volume against one of them (times)", _number),
            },
        ),
        _items(gate, {"passed": ("Gate, when this was written", str), "reason": ("Reason", str)}),
    ]
    return "\n".join(line for line in lines if line)


def _figures(record: Record) -> str:
    parts = [
        f"{title}\n\n{markdown(pd.DataFrame(list(rows)).map(_cell))}"
        for title, rows in (record.get("tables") or {}).items()
        if rows
    ]
    steps = _part(record, "postprocessing")
    chosen = _items(steps, {key: (label, _number) for key, label in POSTPROCESSING.items()})
    if chosen:
        parts.append(f"Post-processing, chosen on the validation squares:\n\n{chosen}")
    return "\n\n".join(parts)


def _lineage(lineage: Record) -> str:
    return _items(
        lineage,
        {
            "study": ("Sweep", str),
            "trial": ("Trial", str),
            "run_id": ("Run of the final training", str),
            "code": ("Code version", str),
        },
    )


def _part(record: Record, key: str) -> Record:
    return record.get(key) or {}


def _items(record: Record, labels: Mapping[str, tuple[str, Callable[[Any], str]]]) -> str:
    """A list of the facts that there are."""
    return "\n".join(
        f"- {label}: {text(record[key])}"
        for key, (label, text) in labels.items()
        if not _missing(record.get(key))
    )


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> str:
    """Whole numbers as they are, others to four digits.

    >>> _number(117393), _number(1712.4), _number(0.79314), _number(3.0)
    ('117393', '1712', '0.7931', '3')
    """
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.4g}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _listed(values: Any) -> str:
    if isinstance(values, str) or not isinstance(values, Iterable):
        return str(values)
    return ", ".join(map(_number, values))


def _voxel(sizes: Sequence[float | None]) -> str:
    """Sizes as text.

    >>> _voxel([50.0, 10.0, None])
    '50 x 10 x unknown nm'
    """
    return " x ".join("unknown" if nm is None else f"{nm:g}" for nm in sizes) + " nm"


def _cell(value: Any) -> str:
    return "" if _missing(value) else _number(value)
