"""A model card: what a model is for, what it was made from, how good it is, what it cannot do.

Built from a plain record; a fact that is not in it is left out, never guessed. Sections in the
order of Mitchell et al., *Model Cards for Model Reporting* (2019), shortened to this use.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from fibsem.analysis.encoding import markdown

Facts = Mapping[str, Any]

#: Name of the card in a bundle's folder.
FILE = "MODEL_CARD.md"
SPLITS = {"train": "training", "val": "validation", "test": "test"}
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
- A porosity is corrected, and has an interval of 95 %, in films with test squares of their own in
  six places; on films of known truth it held in 92 to 94 % of the draws. It does not know of an
  annotator who errs to one side in all of them: what outlines drawn one pixel off would change is
  told with it. An interval over slices takes the map as true.
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


def model_card(record: Facts) -> str:
    """The card in Markdown.

    Parameters
    ----------
    record
        ``model`` {name, nbhd, padding, field, parameters, members} and, where they are known,
        ``data`` {name, hash, samples, voxel_nm, regions {train, val, test}}, ``training`` {epochs,
        seconds, steps, pixels, share, seeds}, ``tables`` {title: rows}, ``postprocessing``,
        ``calibration`` {temperature, ece_before, ece_after, test_ece_before, test_ece_after},
        ``ensemble`` {members, gain_miou, cost_ratio}, ``gate`` {passed, reason, porosity_error},
        ``test_all`` and ``lineage`` {study, trial, run_id, code}. Any of their keys may be missing
        or None.
    """
    part = defaultdict(dict, {key: value for key, value in record.items() if value})
    test = part["test_all"]
    error = _points(test.get("porosity"), test.get("label_porosity"))
    of_films = _points(part["gate"].get("porosity_error"), 0.0)
    lists = (
        _items({**test, "error": error, "error_of_films": of_films}, TEST),
        _items(part["calibration"], CALIBRATION),
        _items(part["ensemble"], ENSEMBLE),
        _items(part["gate"], VERDICT),
    )
    sections: dict[str, str] = {
        "Intended use": INTENDED,
        "Model": _items(part["model"], MODEL),
        "Data": _items(part["data"], DATA),
        "Training": _items(part["training"], TRAINING),
        "Test": "\n".join(filter(None, lists)),
        "Figures": _figures(part["tables"], _items(part["postprocessing"], POSTPROCESSING)),
        "Limits": LIMITS,
        "Use": USE,
        "Lineage": _items(part["lineage"], LINEAGE),
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


def _figures(tables: Mapping[str, Sequence[Mapping[str, Any]]], chosen: str) -> str:
    """Every table that has rows, and the list of what was chosen."""
    parts = [
        f"{title}\n\n{markdown(pd.DataFrame(list(rows)).map(_cell))}"
        for title, rows in tables.items()
        if rows
    ]
    if chosen:
        parts.append(f"Post-processing, chosen on the validation squares:\n\n{chosen}")
    return "\n\n".join(parts)


def _items(facts: Facts, labels: Titles) -> str:
    """A list of the facts that there are."""
    items = ((key, *rest) for key, rest in labels.items() if not _missing(facts.get(key)))
    said = ((label, text(facts[key])) for key, label, text in items)
    return "\n".join(f"- {label}: {text}" for label, text in said if text)


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


def _points(measured: float | None, labelled: float | None) -> float | None:
    """Error of a porosity in points, where both are known."""
    return None if measured is None or labelled is None else 100 * (measured - labelled)


def _outcome(passed: bool) -> str:
    return "passed" if passed else "refused"


def _squares(regions: Mapping[str, int | None]) -> str:
    """Labelled squares of each part.

    >>> _squares({"train": 180, "val": None, "test": 60})
    '180 training, 60 test'
    """
    counts = ((name, regions.get(key)) for key, name in SPLITS.items())
    return ", ".join(f"{count} {name}" for name, count in counts if count is not None)


def _voxel(sizes: Sequence[float | None]) -> str:
    """Sizes as text, where one is known.

    >>> _voxel([50.0, 10.0, None]), _voxel([None, None, None])
    ('50 x 10 x unknown nm', '')
    """
    if not any(sizes):
        return ""
    return " x ".join("unknown" if nm is None else f"{nm:g}" for nm in sizes) + " nm"


def _cell(value: Any) -> str:
    return "" if _missing(value) else _number(value)


#: What is said of each part, in this order, by its keys: a label, and how a value is written.
Titles = Mapping[str, tuple[str, Callable[[Any], str]]]
MODEL: Titles = {
    "name": ("Architecture", str),
    "nbhd": ("Neighbourhood, x by y by z", str),
    "padding": ("Padding", str),
    "field": ("Pixels that it sees", _listed),
    "parameters": ("Trainable parameters", _listed),
    "members": ("Members, whose mean probability is used", _number),
}
DATA: Titles = {
    "name": ("Dataset", str),
    "samples": ("Samples", _listed),
    "voxel_nm": ("Voxel size, z by y by x", _voxel),
    "regions": ("Labelled squares", _squares),
    "hash": ("Hash of data and split", str),
}
TRAINING: Titles = {
    "steps": ("Steps of an epoch", _number),
    "pixels": ("Pixels of a step, labelled or not", _number),
    "share": ("Share of the labelled training pixels in an epoch", _number),
    "epochs": ("Epochs", _number),
    "seconds": ("Time (s)", _number),
    "seeds": ("Seeds", _listed),
}
TEST: Titles = {
    "miou": ("mIoU on every labelled test pixel, post-processed", _number),
    "accuracy": ("Accuracy", _number),
    "iou_pore": ("IoU of pore", _number),
    "iou_pore_median": ("IoU of pore, median of the squares", _number),
    "iou_solid": ("IoU of solid", _number),
    "porosity": ("Porosity found", _per_cent),
    "label_porosity": ("Porosity labelled", _per_cent),
    "error": ("Error of the porosity, films pooled, may cancel (points)", "{:+.2f}".format),
    "error_of_films": ("Error of a film, by its size, mean over films (points)", "{:.2f}".format),
    "loss": ("Cross-entropy", _number),
}
CALIBRATION: Titles = {
    "temperature": ("Temperature of the probabilities", _number),
    "offset": ("Offset of their logits", "{:+.3f}".format),
    "test_ece_before": ("Expected calibration error without it, test", _number),
    "test_ece_after": ("Expected calibration error with it, test", _number),
    "ece_before": ("Expected calibration error without it, validation", _number),
    "ece_after": (
        "Expected calibration error with it, validation, which it was fitted to",
        _number,
    ),
}
ENSEMBLE: Titles = {
    "members": ("Networks in the ensemble, each a training", _number),
    "gain_miou": ("Gain in test mIoU over one of them", "{:+.4f}".format),
    "cost_ratio": ("Time of a volume against one of them (times)", _number),
}
VERDICT: Titles = {"passed": ("Gate, when this was written", _outcome), "reason": ("Reason", str)}
POSTPROCESSING: Titles = {
    "sigma": ("Gaussian smoothing, sigma (px)", _number),
    "threshold": ("Threshold", _number),
    "rounds": ("Rounds", _number),
    "min_size": ("Smallest component (px)", _number),
}
LINEAGE: Titles = {
    "study": ("Sweep", str),
    "trial": ("Trial", str),
    "run_id": ("Run of the final training", str),
    "code": ("Code version", str),
}
