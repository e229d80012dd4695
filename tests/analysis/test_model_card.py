"""The card says what is in its record, all of it, and nothing else."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem.analysis.model_card import (
    SHORTENED,
    CardFacts,
    DataFacts,
    EpochFacts,
    LineageFacts,
    ModelFacts,
    TrainingFacts,
    model_card,
    shortened,
)
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.system.summaries.promotion import Calibrated, Ensemble, Gate, OnLabelled

FULL = CardFacts(
    model=ModelFacts("2dcnn", "81x81x3", "valid", (76, 76), (117393,), 5),
    data=DataFacts(
        "films", ["HPC22", "HPC30"], (50.0, 10.0, 12.5), {"train": 61, "val": 21, "test": 19},
        "9f8e7d6c",
    ),
    training=TrainingFacts(60, 1712.4, [7, 8, 9, 10, 11], EpochFacts(461, 1024, 0.05)),
    tables={
        "Every labelled pixel": [
            {"split": "val", "sample": "HPC22", "mIoU": 0.8001, "squares": 14},
            {"split": "test", "sample": "HPC30 | HPC45", "mIoU": 0.7931},
        ],
        "Nothing was measured": [],
    },
    postprocessing=PostProcessing(sigma=3.875, threshold=0.3994, rounds=2, min_size=100),
    calibration=Calibrated(temperature=1.234, ece_before=0.0456, ece_after=0.0123),
    ensemble=Ensemble(members=5, gain_test_miou=0.0067, cost_ratio=4.9),
    gate=Gate(True, "not worse than the champion on 19 test squares", None, 0.0512, None),
    test_all=OnLabelled(0.7932, 0.9003, 0.7105, 0.8759, 0.3141, 0.3207, loss=0.2504),
    lineage=LineageFacts("films-2dcnn", "blocks=4", "abc123", "0.1.0+g1"),
)  # fmt: skip

#: Sections that every card has alike.
FIXED = ("Intended use", "Limits", "Use")
#: What a reader must find of every number above, and of every name.
SAID = [
    "2dcnn", "81x81x3", "valid", "76, 76", "117393", "5", "films", "9f8e7d6c", "HPC22, HPC30",
    "50 x 10 x 12.5 nm", "61 training", "21 validation", "19 test", "60", "1712", "461", "1024",
    "0.05", "7, 8, 9, 10, 11", "0.8001", "14", "0.7931", r"HPC30 \| HPC45", "3.875", "0.3994",
    "Rounds: 2", "100", "1.234", "0.0456", "0.0123", "+0.0067", "4.9",
    "Networks in the ensemble, each a training: 5", "passed", "not worse than the champion",
    "0.7932", "0.9003", "0.7105", "0.8759", "31.41 %", "32.07 %", "-0.66", "5.12", "0.2504",
    "films-2dcnn", "blocks=4", "abc123", "0.1.0+g1",
]  # fmt: skip


def sections(card):
    return dict(part.split("\n\n", 1) for part in card.split("\n## ")[1:])


def facts(card):
    """The lines of a card that state a fact of its record; limits and use are the same for all."""
    text = "\n".join(text for name, text in sections(card).items() if name not in FIXED)
    return [line for line in text.splitlines() if re.match(r"- [^:]+: |\| ", line)]


def test_every_fact_is_said():
    stated = "\n".join(facts(model_card(FULL)))
    assert [what for what in SAID if what not in stated] == []
    assert "Every labelled pixel" in model_card(FULL)


def test_the_title_does_not_name_a_version():
    assert model_card(FULL).splitlines()[0] == "# 2dcnn: pore and solid in FIB-SEM stacks"


def test_with_little_known_little_is_said():
    card = model_card(CardFacts(ModelFacts("threshold")))
    assert facts(card) == ["- Architecture: threshold"]
    assert list(sections(card)) == ["Intended use", "Model", "Limits", "Use"]
    assert not re.search("None|nan", "\n".join(facts(card)))


def test_what_is_not_known_is_left_out_and_not_written_as_none():
    holes = replace(
        FULL,
        data=DataFacts("film", voxel_nm=(None, None, None), regions={"train": 3}),
        training=TrainingFacts(3),
        calibration=None,
        test_all=OnLabelled(0.5, porosity=0.3),
        tables={},
    )
    card = model_card(holes)
    assert not re.search("None|nan", "\n".join(facts(card)))
    assert sections(card)["Data"].split("\n") == [
        "- Dataset: film",
        "- Labelled squares: 3 training",
        "",
    ]
    assert "Error of the porosity" not in card
    assert "- Porosity found: 30.00 %" in card


@given(st.sets(st.sampled_from(sorted(set(vars(FULL)) - {"model"}))))
def test_no_section_is_empty_whatever_is_missing(missing):
    card = model_card(
        CardFacts(**{key: value for key, value in vars(FULL).items() if key not in missing})
    )
    assert all(text.strip() for text in sections(card).values())
    assert ("Lineage" in sections(card)) == ("lineage" not in missing)
    assert "\n\n\n" not in card


def test_films_whose_errors_cancel_are_not_told_as_one_without_an_error():
    """One with five points too many, one with as many too few; the gate takes the mean."""
    test = OnLabelled(0.7, porosity=0.3, label_porosity=0.3)
    gate = Gate(True, "better", None, 0.05, None)
    card = model_card(CardFacts(ModelFacts("unet"), test_all=test, gate=gate))
    assert "films pooled, may cancel (points): +0.00" in card
    assert "by its size, mean over films (points): 5.00" in card


def test_a_refused_model_says_so():
    gate = Gate(False, "worse", None, None, None)
    card = model_card(CardFacts(ModelFacts("unet"), gate=gate))
    assert "- Gate, when this was written: refused\n- Reason: worse" in card


def test_a_card_that_fits_is_not_shortened():
    card = model_card(FULL)
    assert shortened(card, len(card)) == card


@pytest.mark.parametrize("most", [5000, 2500, 1200, 60, 10])
def test_a_shortened_card_fits_and_says_that_it_is(most):
    rows = [{"square": k, "mIoU": 0.5 + k / 1000} for k in range(300)]
    card = model_card(replace(FULL, tables={"Squares": rows}))
    short = shortened(card, most)
    assert len(short) <= most
    assert short.startswith("# 2dcnn"[:most])
    if most >= 1200:
        assert SHORTENED in short
        kept = sections(short)
        assert set(kept) < set(sections(card))
        assert "Figures" not in kept  # the longest goes first
        assert all(text.strip() for text in kept.values())
