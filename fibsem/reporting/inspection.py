"""Inspection of a dataset: tables of grey values and labels, figures, and warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np

from fibsem.analysis import figures
from fibsem.data.dataset.crowded import guards_that_divide
from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.samples import Region, Sample, by_split, left_out
from fibsem.data.dataset.split import Split
from fibsem.data.doubts.contrast import Classed, by_class, classed, grey_of
from fibsem.data.doubts.doubts import doubts
from fibsem.data.doubts.tilt import left_in
from fibsem.data.preprocessing import (
    GreyProfile,
    Recipe,
    evenly_spaced,
    mean_profile,
    read_material,
)
from fibsem.places import Spot, by_place
from fibsem.reporting.agreement import agreement
from fibsem.reporting.greys import Greys, greys, left_out_shares
from fibsem.reporting.label_porosity import LabelPorosity, label_porosity
from fibsem.system.file_names import part_name
from fibsem.system.files import known_json
from fibsem.system.records import typed
from fibsem.system.summaries import InspectionSummary
from fibsem.system.summaries.inspection import InspectedSample, Regions

#: A sample is saturated if more than this share of its pixels has the darkest or brightest value.
SATURATED = 0.01
#: Largest number of squares of each sample that are drawn, evenly spaced.
SHOWN = 36


@dataclass(frozen=True)
class Inspection:
    """Grey values, profiles and labels of a dataset, for tables, figures and warnings."""

    dataset: Dataset
    greys: dict[str, Greys]
    profiles: dict[str, GreyProfile]
    axis: Literal["x", "y"]
    recipe: Recipe

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> Inspection:
        """Read a dataset; the profile is along ``recipe.gradient``, or x if that is "none"."""
        axis: Literal["x", "y"] = "y" if recipe.gradient == "y" else "x"
        return cls(
            dataset,
            {sample.name: greys(sample) for sample in dataset.samples},
            {
                sample.name: mean_profile(read_material(sample.volume, sample.extent), axis)
                for sample in dataset.samples
            },
            axis,
            recipe,
        )

    def summary(self) -> InspectionSummary:
        """Return the contents of the tables; intervals of label porosity are over places."""
        return InspectionSummary(
            dataset=self.dataset.name,
            data=self.dataset.hash,
            voxel_nm=self.dataset.voxel_nm,
            samples={sample.name: self._sample(sample) for sample in self.dataset.samples},
            warnings=tuple(self.warnings()),
        )

    def _sample(self, sample: Sample) -> InspectedSample:
        grey, labelled = self.greys[sample.name], self.porosities[sample.name]
        regions = by_split(sample)
        tested = [region for region in sample.labelled if region.split == "test"]
        return InspectedSample(
            shape=sample.volume.shape,
            dtype=str(sample.volume.dtype),
            mean=grey.mean,
            std=grey.std,
            median=grey.median,
            gradient=self.profiles[sample.name].slope,
            regions=Regions(**{split: len(of_split) for split, of_split in regions.items()}),
            squares_labelled=len(sample.labelled),
            squares_drawn=len(_spread(sample.labelled)),
            porosity=labelled.porosity,
            porosity_ci=labelled.interval,
            places=labelled.places,
            test_places=len(
                by_place((Spot.of(region.sample, region.box), region) for region in tested)
            ),
            expected_porosity=sample.expected_porosity,
            left_out=left_out_shares(sample),
            ignored_px=sum(map(left_out, sample.regions)),
            agreement=agreement(sample.regions),
        )

    @cached_property
    def classes(self) -> dict[str, list[Classed]]:
        """Grey values by class in the squares of every labelled sample."""
        return {s.name: list(classed(s)) for s in self.dataset.samples if s.labelled}

    @cached_property
    def porosities(self) -> dict[str, LabelPorosity]:
        """Porosity of the labels of every sample."""
        return {sample.name: label_porosity(sample.regions) for sample in self.dataset.samples}

    def warnings(self) -> Iterator[str]:
        """Yield warnings of what is valid but suspicious."""
        yield from doubts(self.dataset, self.classes)
        if None in self.dataset.voxel_nm:
            yield "the voxel size is not known on every axis: lengths will be in voxels"
        for sample in self.dataset.samples:
            yield from left_in(sample, self.recipe.gradient)
            dark, bright = self.greys[sample.name].saturated
            for share, end in ((dark, "darkest"), (bright, "brightest")):
                if share > SATURATED:
                    yield f"{sample.name}: {100 * share:.1f} % of the pixels have the {end} value"
            if left := left_out_shares(sample):
                kinds = ", ".join(f"{kind} {100 * share:.2f} %" for kind, share in left.items())
                yield (
                    f"{sample.name}: {100 * sum(left.values()):.2f} % of the film shows no "
                    f"material and is left out ({kinds}); `valid: all` in the manifest keeps it"
                )
            if not sample.regions:
                yield f"{sample.name}: no labels, it can only be segmented{self._drawing_advice}"
                continue
            for split, regions in by_split(sample).items():
                if not regions:
                    yield f"{sample.name}: no {split} regions{self._division_advice(split)}"
            yield from self._unexpected(sample)

    def _division_advice(self, split: Split) -> str:
        """Return advice on filling a split that has no squares in any sample, or ""."""
        guards = "" if self.dataset.regions(split) else guards_that_divide(self.dataset)
        return f"; name the parts in a column `split`, or {guards}" if guards else ""

    @cached_property
    def _drawing_advice(self) -> str:
        """Advice on drawing squares if no sample of the dataset has labels, else ""."""
        if any(sample.regions for sample in self.dataset.samples):
            return ""
        return "; docs/data.md (Drawing squares) cuts squares out of it to draw in"

    def _unexpected(self, sample: Sample) -> Iterator[str]:
        """Warn if the expected porosity contradicts the labels, or cannot be compared with them."""
        expected, labelled = sample.expected_porosity, self.porosities[sample.name]
        if expected is None or labelled.porosity is None:
            return
        wanted = f"{sample.name}: the expected porosity {100 * expected:.1f} %"
        if labelled.interval is None:
            yield (
                f"{wanted} is compared with nothing: the {100 * labelled.porosity:.1f} % of its "
                "labels have no interval, as those of a single place, or of one class"
            )
        elif not labelled.interval[0] <= expected <= labelled.interval[1]:
            low, high = labelled.interval
            yield (
                f"{wanted} is outside the interval of its labels, [{100 * low:.1f}, "
                f"{100 * high:.1f}] % over {labelled.places} places"
            )

    def figures(self, folder: Path) -> list[Path]:
        """Draw the figures into a folder, those of labels only if there are labels."""
        edges = np.linspace(0, 1, 257)
        drawn = {
            "histograms": figures.histograms(
                {name: g.coarse() for name, g in self.greys.items()}, edges
            ),
            "gradient": figures.gradients(
                {name: (p.profile, p.line) for name, p in self.profiles.items()}, self.axis
            ),
        }
        labelled = [sample for sample in self.dataset.samples if sample.labelled]
        if labelled:
            drawn["classes"] = figures.classes(
                {name: by_class(squares) for name, squares in self.classes.items()}
            )
        for sample in labelled:
            drawn[f"squares_{part_name(sample.name)}"] = figures.squares(
                [
                    (f"{region.name} ({region.split})", grey_of(sample, region), region.read())
                    for region in _spread(sample.labelled)
                ],
                of=len(sample.labelled),
            )
        return [figures.save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def drawn_in(folder: Path) -> set[str]:
    """Return the figures that the previous inspection in a folder drew; older ones name none."""
    former = known_json(folder / "summary.json", partial(typed, InspectionSummary))
    return {Path(name).name for name in (former.figures if former else None) or ()}


def _spread(regions: tuple[Region, ...]) -> list[Region]:
    """Return all regions, or at most ``SHOWN`` evenly spaced ones."""
    return [regions[k] for k in evenly_spaced(len(regions), SHOWN)]
