"""What a dataset holds: its tables of grey values and labels, its figures, and what looks odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fibsem.analysis import figures
from fibsem.analysis.encoding import cell
from fibsem.analysis.intervals import FEWEST_SQUARES, normal_interval
from fibsem.data.dataset import Dataset, Region, Sample, by_split, left_out, porosity
from fibsem.data.placing import doubts
from fibsem.data.preprocessing import (
    GreyProfile,
    Recipe,
    evenly_spaced,
    material_slices,
    mean_profile,
)
from fibsem.data.split import SPLITS, Split
from fibsem.data.strangers import share_above
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import differing
from fibsem.reporting.agreement import agreement, agreement_text
from fibsem.system.file_names import file_name

#: One bin per grey value of 16 bits; every value of 8 bits has its own bin too.
BINS = 65536
#: Share of pixels at the darkest or brightest value from which a sample counts as saturated.
SATURATED = 0.01
#: Squares by which it is told whether labels go with the grey values.
FEWEST = 3
#: Squares of each sample that are drawn.
SHOWN = 12


@dataclass(frozen=True)
class Greys:
    """Grey values of a sample in [0, 1], from at most 20 evenly spaced slices."""

    counts: npt.NDArray[np.int64]
    mean: float
    std: float

    @property
    def median(self) -> float:
        """Half of the pixels are not brighter."""
        ranks = self.counts.cumsum()
        return float(np.searchsorted(ranks, (ranks[-1] + 1) // 2) / (BINS - 1))

    @property
    def saturated(self) -> tuple[float, float]:
        """Share of pixels at the darkest and at the brightest possible value."""
        total = self.counts.sum()
        return float(self.counts[0] / total), float(self.counts[-1] / total)

    def coarse(self, bins: int = 256) -> npt.NDArray[np.int64]:
        """The counts in fewer bins."""
        summed: npt.NDArray[np.int64] = self.counts.reshape(bins, -1).sum(axis=1)
        return summed


def greys(sample: Sample) -> Greys:
    """Count the grey values of a sample's material."""
    counts = np.zeros(BINS, np.int64)
    sums = np.zeros(3)
    for box, inside in material_slices(sample.volume.shape, sample.extent):
        grey = sample.volume.read_unit(box)
        grey = grey if inside is None else grey[0][inside]
        counts += np.bincount(np.rint(grey * (BINS - 1)).astype(np.int64).ravel(), minlength=BINS)
        grey64 = grey.astype(np.float64)
        sums += [grey.size, grey64.sum(), np.square(grey64).sum()]
    mean = sums[1] / sums[0]
    return Greys(counts, float(mean), float(np.sqrt(max(0.0, sums[2] / sums[0] - mean**2))))


def left_out_shares(sample: Sample) -> dict[str, float]:
    """Shares of evenly spaced slices that show no material, by kind."""
    slices = evenly_spaced(sample.volume.shape[0])
    area = len(slices) * sample.volume.shape[1] * sample.volume.shape[2]
    counts = sample.extent.left_out(slices) if sample.extent else {}
    return {kind: count / area for kind, count in counts.items()}


@dataclass(frozen=True)
class Inspection:
    """Everything about a dataset that its tables and figures show."""

    dataset: Dataset
    greys: dict[str, Greys]
    profiles: dict[str, GreyProfile]
    axis: Literal["x", "y"]

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> Inspection:
        """Read what is needed; ``recipe.gradient`` none shows the profile along x."""
        axis: Literal["x", "y"] = "y" if recipe.gradient == "y" else "x"
        return cls(
            dataset,
            {sample.name: greys(sample) for sample in dataset.samples},
            {
                sample.name: mean_profile(sample.volume, axis, extent=sample.extent)
                for sample in dataset.samples
            },
            axis,
        )

    def record(self) -> dict[str, Any]:
        """The record of ``summary.json``; porosity of the labels, its interval over regions."""
        samples = {}
        for sample in self.dataset.samples:
            shares = porosity([region.read() for region in sample.regions])
            samples[sample.name] = {
                "shape": list(sample.volume.shape),
                "dtype": str(sample.volume.dtype),
                "mean": self.greys[sample.name].mean,
                "std": self.greys[sample.name].std,
                "median": self.greys[sample.name].median,
                "gradient": self.profiles[sample.name].slope,
                "regions": {split: len(r) for split, r in by_split(sample).items()},
                "porosity": float(np.mean(shares)) if shares else None,
                "porosity_ci": list(normal_interval(shares)) if len(shares) > 1 else None,
                "expected_porosity": sample.expected_porosity,
                "left_out": left_out_shares(sample),
                "ignored_px": sum(map(left_out, sample.regions)),
                "agreement": agreement(sample.regions),
            }
        return {
            "dataset": self.dataset.name,
            "data": self.dataset.hash,
            "voxel_nm": list(self.dataset.voxel_nm),
            "samples": samples,
            "warnings": list(self.warnings()),
        }

    @cached_property
    def classes(self) -> dict[str, list[Classed]]:
        """Grey values of the squares of every sample that has some."""
        return {s.name: list(_classed(s)) for s in self.dataset.samples if s.regions}

    def warnings(self) -> Iterator[str]:
        """What is legal but should be looked at."""
        yield from _contrast(self.classes)
        if None in self.dataset.voxel_nm:
            yield "the voxel size is not known on every axis: lengths will be in voxels"
        for sample in self.dataset.samples:
            yield from _sizes_that_differ(sample, self.dataset.voxel_nm)
            yield from _masks_listed_twice(sample)
            yield from doubts(sample)
            dark, bright = self.greys[sample.name].saturated
            for share, what in ((dark, "darkest"), (bright, "brightest")):
                if share > SATURATED:
                    yield f"{sample.name}: {100 * share:.1f} % of the pixels have the {what} value"
            if left := left_out_shares(sample):
                told = ", ".join(f"{kind} {100 * share:.2f} %" for kind, share in left.items())
                yield (
                    f"{sample.name}: {100 * sum(left.values()):.2f} % of the film shows no "
                    f"material and is left out ({told}); `valid: all` in the manifest keeps it"
                )
            reached = [count for region in sample.regions if (count := left_out(region))]
            if reached:
                yield (
                    f"{sample.name}: {sum(reached)} labelled pixels of {len(reached)} regions show "
                    "no material and are ignored"
                )
            if not sample.regions:
                yield f"{sample.name}: no labels, it can only be segmented"
                continue
            for split, regions in by_split(sample).items():
                if not regions:
                    yield f"{sample.name}: no {split} regions"
            shares = porosity([region.read() for region in sample.regions])
            expected = sample.expected_porosity
            if expected is not None and len(shares) > 1:
                low, high = normal_interval(shares)
                if not low <= expected <= high:
                    yield (
                        f"{sample.name}: the expected porosity {100 * expected:.1f} % is outside "
                        f"the interval of its labels, [{100 * low:.1f}, {100 * high:.1f}] %"
                    )

    def figures(self, folder: Path) -> list[Path]:
        """Draw the figures into a folder; those of labels only where there are labels."""
        edges = np.linspace(0, 1, 257)
        drawn = {
            "histograms": figures.histograms(
                {name: g.coarse() for name, g in self.greys.items()}, edges
            ),
            "gradient": figures.gradients(
                {name: (p.profile, p.line) for name, p in self.profiles.items()}, self.axis
            ),
        }
        labelled = [sample for sample in self.dataset.samples if sample.regions]
        if labelled:
            drawn["classes"] = figures.classes(
                {name: _by_class(squares) for name, squares in self.classes.items()}
            )
        for sample in labelled:
            drawn[f"squares_{file_name(sample.name)}"] = figures.squares(
                [
                    (f"{region.name} ({region.split})", _grey(sample, region), region.read())
                    for region in _spread(sample.regions)
                ]
            )
        return [figures.save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _sizes_that_differ(sample: Sample, voxel_nm: VoxelNm) -> Iterator[str]:
    """Axes on which the files of a sample state another voxel size than the dataset has."""
    stated = sample.volume.voxel_nm
    for axis in differing(stated, voxel_nm):
        k = "zyx".index(axis)
        yield (
            f"{sample.name}: its files state {stated[k]:g} nm along {axis}, but the dataset says "
            f"{voxel_nm[k]:g} nm"
        )


def _contrast(classes: Mapping[str, Sequence[Classed]]) -> Iterator[str]:
    """Samples whose labels do not go with the grey values, or not as those of others do."""
    dark, bright = [], []
    for name, squares in classes.items():
        shares = [share_above(one.solid, one.pore) for one in squares if one.is_mixed]
        if len(shares) < FEWEST:
            continue
        low, high = normal_interval(shares)
        if low > 0.5:
            dark.append(name)
        elif high < 0.5:
            bright.append(name)
        else:
            yield (
                f"{name}: labels say nothing of the grey value ({100 * np.mean(shares):.0f} % of "
                "the solid is brighter than the pores of its square, by chance 50): do the "
                "squares lie where they should?"
            )
    if dark and bright:
        yield (
            f"pores are darker than solid in {', '.join(dark)}, but brighter in "
            f"{', '.join(bright)}: grey values or labels of one kind are inverted"
        )


def _masks_listed_twice(sample: Sample) -> Iterator[str]:
    """A picture of labels that is said to lie in two places is right in one of them at most."""
    places = Counter(region.name for region in sample.regions)
    twice = [name for name, count in places.items() if count > 1]
    if twice:
        yield f"{sample.name}: {', '.join(twice[:4])} is listed for more than one place"


def _spread(regions: tuple[Region, ...]) -> list[Region]:
    """A few regions of every part."""
    return [regions[k] for k in evenly_spaced(len(regions), SHOWN)]


def _grey(sample: Sample, region: Region) -> npt.NDArray[np.float32]:
    return sample.volume.read_unit(region.box)[0]


@dataclass(frozen=True)
class Classed:
    """Grey values of a square in [0, 1], by what they are labelled."""

    split: Split
    pore: npt.NDArray[np.float32]
    solid: npt.NDArray[np.float32]

    @property
    def is_mixed(self) -> bool:
        """Whether it shows both classes."""
        return bool(self.pore.size and self.solid.size)


def _classed(sample: Sample) -> Iterator[Classed]:
    """Squares of a sample, at most 100 of each part."""
    for split, regions in by_split(sample).items():
        for k in evenly_spaced(len(regions), 100) if regions else ():
            grey, labels = _grey(sample, regions[k]), regions[k].read()
            yield Classed(split, grey[labels == 0], grey[labels == 1])


def _by_class(squares: Sequence[Classed]) -> dict[str, list[npt.NDArray[Any]]]:
    """Grey values of pore and solid of each part."""
    none = np.empty(0, np.float32)
    parts = {split: [one for one in squares if one.split == split] for split in SPLITS}
    return {
        split: [
            np.concatenate([none, *(one.pore for one in part)]),
            np.concatenate([none, *(one.solid for one in part)]),
        ]
        for split, part in parts.items()
    }


def tables(record: dict[str, Any]) -> str:
    """Tables 3.1 (grey values) and 3.2 (labels and their porosity) as Markdown."""
    samples = record["samples"].items()
    lines = [
        "Grey values in [0, 1]",
        "",
        "| sample | (z, y, x) | dtype | mean | s.d. | median | slope per 1000 px |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {cell(name)} | {' x '.join(map(str, s['shape']))} | {s['dtype']} | {s['mean']:.3f} | "
        f"{s['std']:.3f} | {s['median']:.3f} | {1000 * s['gradient']:+.4f} |"
        for name, s in samples
    ]
    lines += [
        "",
        "Labels, and their porosity with 95 % interval over regions",
        "",
        "| sample | train | val | test | porosity % | 95 % interval |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, s in samples:
        counts = " | ".join(str(s["regions"][split]) for split in SPLITS)
        share, interval = "", ""
        if s["porosity"] is not None:
            share = f"{100 * s['porosity']:.2f}"
        if s["porosity_ci"] is not None:
            interval = "[{:.2f}, {:.2f}]".format(*(100 * value for value in s["porosity_ci"]))
        lines.append(f"| {cell(name)} | {counts} | {share} | {interval} |")
    lines += _few_tested(sum(s["regions"]["test"] for _, s in samples))
    told = [(name, s["agreement"]) for name, s in samples if s["agreement"]]
    lines += ["" for _ in told[:1]]
    lines += [f"{cell(name)}: {cell(agreement_text(some))}" for name, some in told]
    return "\n".join(lines) + "\n"


def _few_tested(squares: int) -> list[str]:
    """What a promotion cannot decide with so few: better known before the hours than after them."""
    if not 0 < squares < FEWEST_SQUARES:
        return []
    return [
        "",
        f"Test squares: {squares}. Below {FEWEST_SQUARES} no porosity is corrected, and a champion "
        "is replaced only by force=true.",
    ]
