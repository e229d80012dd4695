"""Tables by hand: which squares a row stands on, and what it says of them."""

import math
from dataclasses import replace

import pytest
from scipy.special import logit

from fibsem.analysis import tables
from fibsem.system.records import typed
from fibsem.system.summaries import EvaluationSummary
from fibsem.system.summaries.figures import Spread
from fibsem.system.summaries.promotion import AgainstFirst, RankedTrial, RunAgain, SquareRow


def square(split, sample, x, before, after):
    """A labelled square that begins at a column."""
    return SquareRow(
        split=split, sample=sample, region="q", at=(0, 0, x), loss=None, half=before, chosen=after
    )


#: Two films with two and one validation squares, and one test square: label by prediction, pixels.
SQUARES = [
    square("val", "A", 10, ((20, 0), (20, 60)), ((20, 0), (0, 80))),
    square("val", "A", 20, ((30, 10), (0, 60)), ((40, 0), (0, 60))),
    square("val", "B", 30, ((0, 50), (0, 50)), ((50, 0), (0, 50))),
    square("test", "A", 40, ((10, 0), (0, 90)), ((10, 0), (0, 90))),
]


def spread(mean, std=None):
    return {"mean": mean, "std": std}


def test_figures_before_and_after_by_sample_and_combined():
    table = tables.post_processing(SQUARES).set_index(["split", "sample", "post-processing"])
    assert list(table.index) == [
        (split, sample, when)
        for split, sample in (
            ("val", "A"), ("val", "B"), ("val", "combined"), ("test", "A"), ("test", "combined"),
        )
        for when in ("before", "after")
    ]  # fmt: skip
    before = table.loc["val", "A", "before"]
    # pore 50 of 80, solid 120 of 150; 170 of 200 pixels right; 40 and 30 of 100 found to be pore
    assert before["mIoU"] == f"{(50 / 80 + 120 / 150) / 2:.4f}"
    assert before["accuracy"] == "0.8500"
    assert before["porosity %"] == "35.00"
    assert before["95 % CI over places"] == "[3.19, 89.78]"  # of the logit, +- 12.7 * 0.05 / 0.2275
    assert before["labelled porosity %"] == "30.00"
    assert before["squares"] == 2
    assert table.loc["val", "A", "after"]["mIoU"] == "1.0000"


def test_combined_figures_are_from_pooled_pixels():
    table = tables.post_processing(SQUARES).set_index(["split", "sample", "post-processing"])
    combined = table.loc["val", "combined", "before"]
    assert combined["accuracy"] == f"{220 / 300:.4f}"
    assert combined["mIoU"] == f"{(50 / 130 + 170 / 250) / 2:.4f}"
    assert combined["squares"] == 3


def test_a_corner_that_is_labelled_says_as_much_as_its_pixels():
    corner = square("val", "A", 50, ((1, 0), (0, 0)), ((1, 0), (0, 0)))
    table = tables.post_processing([*SQUARES, corner]).set_index(
        ["split", "sample", "post-processing"]
    )
    row = table.loc["val", "A", "before"]
    low, high = (float(end) for end in row["95 % CI over places"].strip("[]").split(", "))
    assert logit(low / 100) + logit(high / 100) == pytest.approx(2 * logit(71 / 201), abs=0.002)
    assert float(row["porosity %"]) == pytest.approx(100 * 71 / 201, abs=0.01)


def test_slices_of_one_place_are_one_in_the_interval():
    dense = [replace(one, at=(z, *one.at[1:])) for z in range(9) for one in SQUARES]
    table, once = tables.post_processing(dense), tables.post_processing(SQUARES)
    assert list(table["squares"]) == [9 * n for n in once["squares"]]
    others = [column for column in once if column != "squares"]
    assert table[others].equals(once[others])
    assert list(once["places"]) == list(once["squares"])


def test_a_single_square_has_no_interval():
    table = tables.post_processing(SQUARES)
    assert (table.loc[table["squares"] == 1, "95 % CI over places"] == "").all()


def test_squares_without_labels_do_not_count():
    nothing = square("val", "B", 60, ((0, 0), (0, 0)), ((0, 0), (0, 0)))
    assert tables.post_processing([*SQUARES, nothing]).equals(tables.post_processing(SQUARES))


def test_records_of_evaluations_keep_their_layout():
    figures = {
        "miou": {"mean": 0.8, "std": 0.01},
        "accuracy": {"mean": 0.9, "std": 0.01},
        "porosity": {"mean": 0.3, "std": 0.02},
        "label_porosity": {"mean": 0.31, "std": 0.0},
    }
    interval = {"porosity_low": spread(0.28), "porosity_high": spread(0.32)}
    samples = {"A": {"val_all": {**figures, **interval}}}
    more = {"samples": samples, "val_chosen": None, "test_chosen": None}
    table = tables.labelled(evaluated("unet", "9x9x1", 0.8, 9, val_all=figures, **more))
    assert list(table["95 % CI over places"]) == ["[28.00, 32.00]", ""]
    assert list(table["mIoU"]) == ["0.8000 ± 0.0100"] * 2
    assert list(table["pore IoU, median of squares"]) == ["", ""]  # of a version before
    median = {**figures, "iou_pore_median": {"mean": 0.61, "std": 0.02}}
    told = tables.labelled(evaluated("unet", "9x9x1", 0.8, 9, val_all=median, **more))
    assert list(told["pore IoU, median of squares"]) == ["", "0.6100 ± 0.0200"]


def evaluated(model, nbhd, miou, parameters, **more):
    """An evaluation; every part is a little worse than the one before."""
    groups = ("train", "val", "test", "val_chosen", "test_chosen")
    figures = {
        group: {"miou": spread(miou - 0.01 * k, 0.002), "accuracy": spread(0.9 - 0.01 * k),
                "loss": spread(0.25), "porosity": spread(0.3), "label_porosity": spread(0.3)}
        for k, group in enumerate(groups)
    }  # fmt: skip
    run = {
        "seed": 0, "run_id": "a", "epochs": 31, "train_seconds": 120.4, "parameters": parameters,
        "threshold": 0.5, "seconds_per_gigapixel": 900.0,
        **{split: {"miou": 0.7, "accuracy": 0.9, "loss": 0.25} for split in groups[:3]},
    }  # fmt: skip
    record = {
        "model": model, "nbhd": nbhd, "parameters": spread(parameters), "epochs": spread(31.4, 2.0),
        "train_seconds": spread(120.4), "seconds_per_gigapixel": spread(900.0), "groups": groups,
        "samples": {}, "runs": [run], **figures, **more,
    }  # fmt: skip
    return typed(EvaluationSummary, record)


EVALUATED = [
    evaluated("unet", "128x128x3", 0.7, 118273, loss="bce_iou"),
    evaluated("2dcnn", "81x81x3", 0.8, 194609),
    evaluated("2dcnn", "33x33x3", 0.75, 88721),
    evaluated("2dcnn", "33x33x1", 0.6, 88000),
]
BEST_FIRST = ["2dcnn(81,81,3)", "2dcnn(33,33,3)", "unet(128,128,3) bce_iou", "2dcnn(33,33,1)"]


def test_models_of_one_name_are_told_apart():
    """By what was typed for each; where that is nothing, by their runs."""
    typed = "python -m fibsem.evaluate model=unet nbhd=33x33x3 data.path=a.yaml seeds=3"
    commands = (typed, f"{typed} model.dropout=0.2", f"{typed} output=elsewhere", typed)
    records = [
        evaluated("unet", "33x33x3", 0.8 - 0.1 * k, 9, command=command, run_id=f"{k}bcdef0123")
        for k, command in enumerate(commands)
    ]
    names = ["unet(33,33,3) 0bcdef01", "unet(33,33,3) model.dropout=0.2", "unet(33,33,3) 2bcdef01"]
    assert tables.names_of(records[:3]) == names
    assert list(tables.training(records[:2])["model"]) == ["unet(33,33,3)", names[1]]
    assert list(tables.splits(records[:2])["model"]) == ["unet(33,33,3)", names[1]]
    assert len(set(tables.names_of(records))) == 4
    assert tables.names_of(EVALUATED) == [tables.name_of(record) for record in EVALUATED]


def test_parameters_are_those_of_the_deepest_neighbourhood():
    table = tables.parameters(EVALUATED).set_index("model")
    assert list(table.columns) == ["(33, 33)", "(81, 81)", "(128, 128)"]
    assert table.loc["2dcnn", "(33, 33)"] == 88721
    assert table.loc["unet"].isna().tolist() == [True, True, False]


def test_neighbourhoods_that_are_not_square_have_a_column_each():
    """Of two of one width the second took the place of the first, and both were called square."""
    two = [evaluated("unet", "33x33x3", 0.8, 9), evaluated("unet", "33x65x3", 0.8, 18)]
    table = tables.parameters(two).set_index("model")
    assert table.loc["unet"].to_dict() == {"(33, 33)": 9, "(33, 65)": 18}


def test_networks_of_one_name_have_a_row_each():
    """Of those with other filters the last one by the name of its folder was told."""
    typed_ = "python -m fibsem.evaluate model=unet nbhd=33x33x3"
    two = [
        evaluated("unet", "33x33x3", 0.8, 9 * k, command=f"{typed_} model.filters={8 * k}")
        for k in (1, 2)
    ]
    table = tables.parameters(two).set_index("model")
    assert table["(33, 33)"].to_dict() == {
        "unet model.filters=8": 9, "unet model.filters=16": 18,
    }  # fmt: skip


def test_trainings_and_splits_are_in_the_order_of_their_validation_miou():
    training, splits = tables.training(EVALUATED), tables.splits(EVALUATED)
    assert list(training["model"]) == list(splits["model"]) == BEST_FIRST
    assert training.iloc[0].tolist() == [
        "2dcnn(81,81,3)", "79.00 ± 0.20", "0.250", "120", "31 ± 2", 194609,
    ]  # fmt: skip
    assert splits.iloc[0].tolist() == [
        "2dcnn(81,81,3)", "80.00 ± 0.20", "90.00", "79.00 ± 0.20", "89.00", "78.00 ± 0.20", "88.00",
    ]  # fmt: skip


def test_figures_that_nobody_could_measure_are_empty_cells():
    """Those of test squares of one class alone; an evaluation is ranked by those of validation."""
    none = {key: {"mean": None, "std": None} for key in ("miou", "accuracy", "loss")}
    splits = tables.splits([evaluated("unet", "9x9x1", 0.8, 9, test=none)])
    assert splits.iloc[0].tolist()[-4:] == ["79.00 ± 0.20", "89.00", "", ""]
    with pytest.raises(ValueError, match=r"`val.miou.mean` must be a number, but got null"):
        evaluated("unet", "9x9x1", 0.8, 9, val=none)


def test_models_are_compared_on_every_labelled_pixel_best_last():
    """Those that were not tested are left out; the truth is known of phantoms alone."""
    untested = replace(EVALUATED[0], test_chosen=None)
    truth = replace(EVALUATED[2].test_chosen, miou=Spread(0.9, math.nan))
    known = replace(EVALUATED[2], test_truth=truth)
    table = tables.comparison([untested, EVALUATED[1], known, EVALUATED[3]])
    assert list(table["model"]) == ["2dcnn(33,33,1)", "2dcnn(33,33,3)", "2dcnn(81,81,3)"]
    assert list(table["test mIoU"]) == [f"{v:.4f} ± 0.0020" for v in (0.56, 0.71, 0.76)]
    assert list(table["test mIoU against truth"]) == ["", "0.9000", ""]
    assert "test mIoU against truth" not in tables.comparison(EVALUATED[1:])
    assert list(table["s per gigapixel"]) == ["900"] * 3


def ranked(rank, miou, against=None):
    """A row of a ranking, by hand."""
    again = RunAgain(miou, 0.01, miou, 0.01, 3, 0, 20.4, {})
    return RankedTrial(
        rank, str(rank), "blocks=1", "r", 0.41234, "val/loss", 0.41234, "val/miou", 812.3, again,
        against,
    )  # fmt: skip


def test_a_ranking_says_what_cannot_be_told_apart():
    rows = [
        ranked(1, 0.8),
        ranked(2, 0.79, AgainstFirst(-0.0123, 0.2, True, 7)),
        ranked(3, 0.7, AgainstFirst(-0.1, 0.01, False, 7)),
        ranked(4, 0.6, AgainstFirst(-0.2, None, True, 1)),
    ]
    table = tables.ranking(rows)
    assert list(table["p"]) == ["", "0.2", "0.01", "too few"]
    assert list(table["tied"]) == ["", "yes", "no", "yes"]
    assert list(table["over squares, against the first"]) == ["", "-0.0123", "-0.1000", "-0.2000"]
    assert table["val mIoU"][0] == "0.8000 ± 0.0100"
    assert table["loss in the sweep"][0] == "0.4123"
    assert table["s per gigapixel"][0] == "812"
    assert list(table["val pore IoU, median of squares"]) == [""] * 4  # of versions before
    for sd, cell in ((0.02, "0.6543 ± 0.0200"), (None, "0.6543")):  # None: as read, of one seed
        again = replace(rows[0].again, val_iou_pore_median=0.65432, val_iou_pore_median_sd=sd)
        known = tables.ranking([replace(rows[0], again=again), rows[1]])
        assert list(known["val pore IoU, median of squares"]) == [cell, ""]
    assert "diverged" not in table
    assert "val/miou in the sweep" not in table
    by_miou = tables.ranking([replace(rows[0], ranked_by="val/miou", search_value=0.81234)])
    assert list(by_miou["val/miou in the sweep"]) == ["0.8123"]
    once = replace(rows[1], again=replace(rows[1].again, diverged=1))
    assert list(tables.ranking([rows[0], once])["diverged"]) == ["0", "1"]


def test_trials_are_written_as_people_read_them():
    assert tables.trials([{"loss": 0.123456, "blocks": 3}]).to_dict("records") == [
        {"loss": "0.1235", "blocks": 3}
    ]


def test_a_confusion_matrix_is_in_per_cent_of_all_pixels():
    table = tables.confusion([[10, 20], [30, 140]])
    assert table.to_numpy().tolist() == [["pore", "5.00", "10.00"], ["solid", "15.00", "70.00"]]
