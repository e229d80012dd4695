"""Results of every command, written by hand as it writes them."""

import json
import re

from fibsem.system.files import write_json

ORIGIN = {"dataset": "film", "data": "c8d2"}
TRIALS = [
    {
        "number": k,
        "slot": k,
        "state": "complete",
        "reason": None,
        "val/miou": miou,
        "model.blocks": k,
    }
    for k, miou in enumerate([0.5, 0.7, 0.6])
]


def sweep(folder, study, **best):
    best = {"value": 0.7, "val": {"miou": 0.7}, **best}
    record = {
        "study": study,
        "trials": {"complete": 3, "pruned": 0, "failed": 0},
        "best": best,
        "objectives": ["val/miou"],
        "seconds": 60,
        "parent_run_id": "a",
        **ORIGIN,
    }
    write_json(folder / "summary.json", record)
    write_json(folder / "trials.json", TRIALS)


def promotion(folder):
    figures_ = {"miou": 0.6, "porosity": 0.3, "label_porosity": 0.31, "iou_pore_median": 0.4321}
    film = {"porosity": 0.305, "porosity_ci": [0.29, 0.32]}
    gate = {"passed": True, "reason": "there is no champion yet", "p_value": None}
    post = {"sigma": 1.0, "threshold": 0.5, "rounds": 1, "min_size": 0}
    calibration = {"temperature": 1.5, "ece_before": 0.04, "ece_after": 0.01}
    calibration |= {f"test_{key}": 2 * calibration[key] for key in ("ece_before", "ece_after")}
    calibration["test_by_sample"] = {
        "HPC30": {"ece_before": 0.07, "ece_after": 0.03},
        "HPC22": {"ece_before": 0.09, "ece_after": 0.02},
        "blank": {"ece_before": None, "ece_after": None},
    }
    record = {
        "winner": "a",
        "version": "1",
        "gate": gate,
        "val_all": figures_,
        "test_all": figures_,
        "postprocessing": post,
        "samples": {"HPC22": film},
        "calibration": calibration,
        "lineage": ORIGIN,
    }
    write_json(folder / "summary.json", record)
    (folder / "tables").mkdir()
    (folder / "tables" / "ranking.csv").write_text("rank,trial\n1,007\n")


def segmentation(folder, pores):
    record = {
        "labels": "labels",
        "porosity": 0.3,
        "porosity_ci": [0.2, 0.4],
        "slabs": {},
        "shape": [3, 10, 10],
        "missing": [1],
        "members": ["2dcnn 33x33x3"] * 2,
        "mode": "dense",
        "precision": "float32",
        "seconds": 1.0,
        "versions": ["1"],
        "lineage": [ORIGIN],
    }
    write_json(folder / "summary.json", record)
    rows = [f"{z},{'' if p is None else p}," for z, p in enumerate(pores)]
    (folder / "porosity.csv").write_text("\n".join(["z,porosity,note", *rows]) + "\n")


OWN = {"volume": [0.25, 0.35], "error": 0.02, "degrees": 6, "squares": 7, "why": None}
CORRECTED = {"porosity_corrected": 0.3, "porosity_interval": OWN}


def change(folder, **more):
    record = json.loads((folder / "summary.json").read_text())
    write_json(folder / "summary.json", {**record, **more})


def facts(page):
    """What stands on top, by its name."""
    return dict(re.findall("<dt>(.*?)</dt>\\s*<dd>(.*?)</dd>", page))


RUN = {
    "run_id": "a", "epochs": 3, "train_seconds": 60.0, "parameters": 9, "threshold": 0.5,
    "seconds_per_gigapixel": 900.0, **{key: {"miou": 0.7} for key in ("train", "val", "test")},
}  # fmt: skip


def evaluation(sd):
    spread = {"mean": 0.3, "std": sd}
    squares = {"miou": spread, "accuracy": spread, "porosity": spread, "label_porosity": spread}
    balanced = {"miou": spread, "accuracy": spread, "loss": spread}
    record = {
        "model": "2dcnn", "nbhd": "33x33x3", "train": balanced, "val": balanced, "test": balanced,
        "epochs": spread, "train_seconds": spread, "parameters": spread, "groups": [],
        "seconds_per_gigapixel": spread, "samples": {"A": {"test_chosen": squares}},
        "runs": [{**RUN, "seed": k} for k in range(5)], **ORIGIN,
    }  # fmt: skip
    return record


def quantification(folder, percolates_z=True):
    write_json(folder / "summary.json", measured(percolates_z))


def measured(percolates_z=True):
    sizes = {"p10": 105.0, "median": 168.4, "p90": 259.8}
    return {
        "segmentation": "out/volumes/HPC22", "lineage": [ORIGIN], "unit": "nm", "porosity": 0.22,
        "porosity_corrected": 0.25, "connectivity": 6, "components": 7, "limits": ["a note"],
        "porosity_interval": {"volume": [0.23, 0.27], "material": [0.2, 0.3], "why": None},
        "percolates": {"z": percolates_z, "y": True, "x": False}, "pore_size_nm": sizes,
        "throat_size_nm": sizes, "tortuosity_factor": {"z": 2.5, "y": 2.0, "x": None},
        "surface_per_um": 9.5, "porosity_per_px_of_boundary": 0.095,
        "carried": {"why": "there are no parts (blocks=0)"},
    }  # fmt: skip


def inspection(folder, agreement):
    sample = {
        "shape": [3, 20, 30], "dtype": "uint8", "mean": 0.5, "std": 0.1, "median": 0.5,
        "gradient": 0.0, "regions": {"train": 6, "val": 2, "test": 2}, "porosity": 0.3,
        "porosity_ci": [0.28, 0.32], "expected_porosity": None, "agreement": agreement,
    }  # fmt: skip
    record = {
        **ORIGIN, "voxel_nm": [50, 10, 10], "samples": {"film": sample}, "warnings": [],
    }  # fmt: skip
    write_json(folder / "summary.json", record)
