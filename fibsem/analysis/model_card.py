"""Model cards: intended use, data, training, metrics and limits of a model.

Unknown facts are left out. Sections follow the order of Mitchell et al., *Model Cards for Model
Reporting* (2019), shortened for this use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd

from fibsem.analysis.encoding import markdown
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.system.summaries.promotion import Calibrated, Ensemble, Gate, OnLabelled

T = TypeVar("T")
#: A row of a table: values by column.
Row = Mapping[Any, object]
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


@dataclass(frozen=True)
class ModelFacts:
    """Facts on the network; for an ensemble every distinct value, and the number of members."""

    name: str
    nbhd: str = ""
    padding: str = ""
    field: Sequence[int] = ()
    parameters: Sequence[int] = ()
    members: int | None = None


@dataclass(frozen=True)
class DataFacts:
    """Facts on the data: voxel size (z, y, x) in nm, and labelled squares by split."""

    name: str
    samples: Sequence[str] = ()
    voxel_nm: Sequence[float | None] = ()
    regions: Mapping[str, int] = field(default_factory=dict)
    hash: str = ""


@dataclass(frozen=True)
class EpochFacts:
    """Size of an epoch: steps, pixels per step, and share of the labelled training pixels."""

    steps: int | None = None
    pixels: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class TrainingFacts:
    """Facts on the training; ``seconds`` is the sum over all members."""

    epochs: int
    seconds: float = math.nan
    seeds: Sequence[int] = ()
    epoch: EpochFacts = EpochFacts()


@dataclass(frozen=True)
class LineageFacts:
    """Facts on the lineage: sweep, trial, run of the final training, and version of the code."""

    sweep: str | None = None
    trial: str | None = None
    run_id: str | None = None
    code: str | None = None


#: Metrics of an untested model.
UNTESTED = OnLabelled(math.nan)


@dataclass(frozen=True)
class CardFacts:
    """The contents of a model card; None or nan where unknown.

    Attributes
    ----------
    tables
        Rows of each table, by its title.
    test_all
        Metrics on every labelled test pixel, with post-processing.
    """

    model: ModelFacts
    data: DataFacts | None = None
    training: TrainingFacts | None = None
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    postprocessing: PostProcessing | None = None
    calibration: Calibrated | None = None
    ensemble: Ensemble | None = None
    gate: Gate | None = None
    test_all: OnLabelled = UNTESTED
    lineage: LineageFacts | None = None


def model_card(facts: CardFacts) -> str:
    """Return the card in Markdown, without unknown facts and empty sections."""
    lists = (
        _items(facts, TEST),
        _items(facts.calibration, CALIBRATION),
        _items(facts.ensemble, ENSEMBLE),
        _items(facts.gate, VERDICT),
    )
    sections: dict[str, str] = {
        "Intended use": INTENDED,
        "Model": _items(facts.model, MODEL),
        "Data": _items(facts.data, DATA),
        "Training": _items(facts.training, TRAINING),
        "Test": "\n".join(filter(None, lists)),
        "Figures": _figures(facts.tables, _items(facts.postprocessing, POSTPROCESSING)),
        "Limits": LIMITS,
        "Use": USE,
        "Lineage": _items(facts.lineage, LINEAGE),
    }
    title = f"# {facts.model.name}: pore and solid in FIB-SEM stacks"
    written = [f"## {name}\n\n{text}" for name, text in sections.items() if text]
    return "\n\n".join([title, *written]) + "\n"


def shortened(card: str, most: int) -> str:
    """Shorten a card to ``most`` characters by leaving out whole sections, the longest first."""
    head, *sections = card.rstrip().split("\n\n## ")
    shown = list(sections)
    while len(text := _joined(head, shown, len(shown) < len(sections))) > most and shown:
        shown.remove(max(shown, key=len))
    return text[:most]


def _joined(head: str, sections: Sequence[str], cut: bool) -> str:
    parts = [head, *([SHORTENED] if cut else []), *(f"## {section}" for section in sections)]
    return "\n\n".join(parts) + "\n"


def _figures(tables: Mapping[str, Sequence[Row]], chosen: str) -> str:
    """Format every table that has rows, and the list of chosen parameters."""
    parts = [
        f"{title}\n\n{markdown(pd.DataFrame(list(rows)).map(_number))}"
        for title, rows in tables.items()
        if rows
    ]
    if chosen:
        parts.append(f"Post-processing, chosen on the validation squares:\n\n{chosen}")
    return "\n\n".join(parts)


def _items(facts: T | None, titles: Titles[T]) -> str:
    """Format the known facts as a Markdown list."""
    said = [] if facts is None else [(label, text(facts)) for label, text in titles]
    return "\n".join(f"- {label}: {text}" for label, text in said if text)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any) -> str:
    """Format a number with four significant digits, whole numbers in full, missing ones as "".

    >>> _number(117393), _number(1712.4), _number(0.79314), _number(3.0), _number(None)
    ('117393', '1712', '0.7931', '3', '')
    """
    if _missing(value):
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.4g}"


def _text(form: str, value: float | None, scale: float = 1.0) -> str:
    """Format a scaled number, or return "" if it is None or nan.

    >>> _text("{:.2f} %", 0.3141, 100), _text("{:+.3f}", None)
    ('31.41 %', '')
    """
    return "" if value is None or math.isnan(value) else form.format(scale * value)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(_number, values))


def _points(measured: float | None, labelled: float | None) -> float | None:
    """Return the error of a porosity in percentage points, or None if a value is None."""
    return None if measured is None or labelled is None else 100 * (measured - labelled)


def _squares(regions: Mapping[str, int]) -> str:
    """Format the number of labelled squares by split.

    >>> _squares({"train": 180, "test": 60})
    '180 training, 60 test'
    """
    return ", ".join(f"{regions[key]} {name}" for key, name in SPLITS.items() if key in regions)


def _voxel(sizes: Sequence[float | None]) -> str:
    """Format a voxel size, or return "" if no side is known.

    >>> _voxel([50.0, 10.0, None]), _voxel([None, None, None])
    ('50 x 10 x unknown nm', '')
    """
    if not any(sizes):
        return ""
    return " x ".join("unknown" if nm is None else f"{nm:g}" for nm in sizes) + " nm"


#: Lines of a list in their order: a label, and a function for the text, empty if unknown.
Titles = Sequence[tuple[str, Callable[[T], str]]]
MODEL: Titles[ModelFacts] = (
    ("Architecture", lambda model: model.name),
    ("Neighbourhood, x by y by z", lambda model: model.nbhd),
    ("Padding", lambda model: model.padding),
    ("Pixels that it sees", lambda model: _listed(model.field)),
    ("Trainable parameters", lambda model: _listed(model.parameters)),
    ("Members, whose mean probability is used", lambda model: _number(model.members)),
)
DATA: Titles[DataFacts] = (
    ("Dataset", lambda data: data.name),
    ("Samples", lambda data: _listed(data.samples)),
    ("Voxel size, z by y by x", lambda data: _voxel(data.voxel_nm)),
    ("Labelled squares", lambda data: _squares(data.regions)),
    ("Hash of data and split", lambda data: data.hash),
)
TRAINING: Titles[TrainingFacts] = (
    ("Steps of an epoch", lambda training: _number(training.epoch.steps)),
    ("Pixels of a step, labelled or not", lambda training: _number(training.epoch.pixels)),
    (
        "Share of the labelled training pixels in an epoch",
        lambda training: _number(training.epoch.share),
    ),
    ("Epochs", lambda training: _number(training.epochs)),
    ("Time (s)", lambda training: _number(training.seconds)),
    ("Seeds", lambda training: _listed(training.seeds)),
)
TEST: Titles[CardFacts] = (
    ("mIoU on every labelled test pixel, post-processed", lambda card: _number(card.test_all.miou)),
    ("Accuracy", lambda card: _number(card.test_all.accuracy)),
    ("IoU of pore", lambda card: _number(card.test_all.iou_pore)),
    ("IoU of pore, median of the squares", lambda card: _number(card.test_all.iou_pore_median)),
    ("IoU of solid", lambda card: _number(card.test_all.iou_solid)),
    ("Porosity found", lambda card: _text("{:.2f} %", card.test_all.porosity, 100)),
    ("Porosity labelled", lambda card: _text("{:.2f} %", card.test_all.label_porosity, 100)),
    (
        "Error of the porosity, films pooled, may cancel (points)",
        lambda card: _text(
            "{:+.2f}", _points(card.test_all.porosity, card.test_all.label_porosity)
        ),
    ),
    (
        "Error of a film, by its size, mean over films (points)",
        lambda card: _text("{:.2f}", card.gate.porosity_error if card.gate else None, 100),
    ),
    ("Cross-entropy", lambda card: _number(card.test_all.loss)),
)
CALIBRATION: Titles[Calibrated] = (
    ("Temperature of the probabilities", lambda fit: _number(fit.temperature)),
    ("Offset of their logits", lambda fit: _text("{:+.3f}", fit.offset)),
    (
        "Expected calibration error without it, test",
        lambda fit: _number(fit.test_ece_before),
    ),
    ("Expected calibration error with it, test", lambda fit: _number(fit.test_ece_after)),
    ("Expected calibration error without it, validation", lambda fit: _number(fit.ece_before)),
    (
        "Expected calibration error with it, validation, which it was fitted to",
        lambda fit: _number(fit.ece_after),
    ),
)
ENSEMBLE: Titles[Ensemble] = (
    ("Networks in the ensemble, each a training", lambda ensemble: _number(ensemble.members)),
    (
        "Gain in test mIoU over one of them",
        lambda ensemble: _text("{:+.4f}", ensemble.gain_test_miou),
    ),
    ("Time of a volume against one of them (times)", lambda ensemble: _number(ensemble.cost_ratio)),
)
VERDICT: Titles[Gate] = (
    ("Gate, when this was written", lambda gate: "passed" if gate.passed else "refused"),
    ("Reason", lambda gate: gate.reason),
)
POSTPROCESSING: Titles[PostProcessing] = (
    ("Gaussian smoothing, sigma (px)", lambda chosen: _number(chosen.sigma)),
    ("Threshold", lambda chosen: _number(chosen.threshold)),
    ("Rounds", lambda chosen: _number(chosen.rounds)),
    ("Smallest component (px)", lambda chosen: _number(chosen.min_size)),
)
LINEAGE: Titles[LineageFacts] = (
    ("Sweep", lambda lineage: lineage.sweep or ""),
    ("Trial", lambda lineage: lineage.trial or ""),
    ("Run of the final training", lambda lineage: lineage.run_id or ""),
    ("Code version", lambda lineage: lineage.code or ""),
)
