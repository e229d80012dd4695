"""From the best trials to the champion: ranking, final training, post-processing, test, registry.

Every step leaves its result in the promotion's folder; started again, the command goes on behind
the last one that is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fibsem.analysis.calibration import Calibration
from fibsem.analysis.postprocessing import PostProcessing, SearchGrid, search
from fibsem.config import (
    PostProcessingConfig,
    PromoteConfig,
    RankConfig,
    Tree,
    read,
)
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.promotion.calibrating import fit_calibration
from fibsem.promotion.examination import (
    balanced,
    examine_on_test,
    rows_of,
    score_split,
    validation_squares,
)
from fibsem.promotion.final import Final, FinalTraining, segmenter_of
from fibsem.promotion.folder import settle
from fibsem.promotion.ranking import Ranked, Ranking, Trial, ranked_by, ranking_rows
from fibsem.promotion.release import lineage_of, segment_samples, write_bundle
from fibsem.promotion.report import draw, write_tables
from fibsem.promotion.succession import Succession
from fibsem.system.files import known_json, read_json, write_json
from fibsem.system.progress import Progress
from fibsem.tracking import names, registry
from fibsem.tracking.beginning import FileNotes, take_up
from fibsem.tracking.bundle import Bundle, find_bundle
from fibsem.tracking.runs import Tracking
from fibsem.training.health import DivergedError
from fibsem.training.scoring import scored_squares
from fibsem.training.squares import CHOSEN, Record, labelled_figures

Say = Callable[[str], None]

#: What the records of the steps have.
CHOSEN_KEYS = ("best", "surface", "calibration", "rows")
TEST_KEYS = ("rows", "balanced", "calibration", "against", "champion")
SCORE_KEYS = ("rows", "val", "seconds_per_gigapixel")


@dataclass(frozen=True)
class Chosen:
    """A model with what was chosen for it on the validation squares.

    Attributes
    ----------
    segmenter
        With its post-processing and temperature.
    margin
        Pixels around squares, those of the widest combination that was tried.
    surface
        Pooled validation mIoU, (rounds, min_sizes, sigmas, thresholds).
    calibration
        Temperature and calibration error.
    rows
        Confusion matrices of the validation squares, before and after post-processing.
    """

    segmenter: Segmenter
    margin: int
    surface: list[Any]
    calibration: Calibration
    rows: list[Record]


@dataclass(frozen=True)
class Promotion:
    """One promotion: its configuration, and where it works and reports to."""

    tree: Tree
    dataset: Dataset
    folder: Path
    tracking: Tracking
    say: Say = print

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def _grid(self) -> SearchGrid:
        return read(PostProcessingConfig, self.tree["postprocessing"], "postprocessing").grid

    def once(self, name: str, make: Callable[[], Any], *keys: str) -> Any:
        """The JSON of a step: as a former start left it, or made now."""
        path = self.folder / f"{name}.json"
        if (known := known_json(path, keys=keys)) is not None:
            return known
        write_json(path, make())
        return read_json(path)

    def run(self, trials: Sequence[Trial]) -> Record:
        """Promote the best of some trials; returns the record of ``summary.json``.

        The test squares are read here, once, and the run is tagged for it.
        """
        ids = [trial.run_id for trial in trials]
        settle(self.folder, self.tree, ids, self.dataset, self.tracking)
        parent = self._parent(trials)
        with self.tracking.cut_off(parent):
            return self._run(trials, parent)

    def _run(self, trials: Sequence[Trial], parent: str) -> Record:
        how = PromoteConfig.of(self.tree)
        ranked = self._rank(trials, parent)
        finals = self._train(ranked[: how.candidates], how.ensemble, parent)
        final = finals[0]
        chosen = {"challenger": self._choose(finals, "challenger")}
        if len(finals) > 1:
            chosen["single"] = self._choose(finals[:1], "single")
        tested = self._test(chosen, final)
        succession = Succession(
            self.tree, self.dataset, self.folder, self.tracking.uri, final.result.run_id, tested
        )
        gate = succession.gate()
        self.say(f"gate: {'passed' if gate.passed else 'refused'}, {gate.reason}")
        figures = self._figures(chosen, final, tested)
        record: Record = {
            "run_id": final.result.run_id,
            "parent_run_id": parent,
            "winner": final.trial.run_id,
            "ranking": ranking_rows(ranked),
            "seeds": [one.seed for one in finals],
            "gate": asdict(gate),
            **figures,
        }
        record["lineage"] = self.once(
            "lineage", lambda: lineage_of(finals, trials, self.tree, parent, self.tracking)
        )
        logged = self._report(finals, chosen["challenger"], record)
        bundle = self.folder / "bundle"
        write_bundle(bundle, chosen["challenger"].segmenter, finals, record)
        record["bundle"] = str(bundle)
        record["version"] = succession.register(bundle, gate, record)
        record["champion"] = registry.champion_version(self.tracking.uri) == record["version"]
        self._log(record, parent, logged)
        record["samples"] = {}
        if self.tree["segment"]:
            volumes = self.folder / "volumes"
            record["samples"] = segment_samples(
                self.tree, self.dataset, record, volumes, self.tracking, self.say
            )
        return record

    def _parent(self, trials: Sequence[Trial]) -> str:
        """The run of the promotion; its trainings are children of it."""
        notes = FileNotes(self.folder / "parent.json")
        known = notes.get("run_id")
        run = known and self.tracking.find(known)
        if run and names.SIGMA in run.data.metrics:  # finished: it is left as it is
            return str(known)
        return take_up(
            self.tracking, notes, f"promotion, {len(trials)} trials", self.tree,
            self.dataset, tags={names.COMMAND: names.PROMOTE, names.DATA: self.dataset.hash},
        )  # fmt: skip

    def _rank(self, trials: Sequence[Trial], parent: str) -> list[Ranked]:
        how = read(RankConfig, self.tree["rank"], "rank")
        ranking = Ranking(self.tree, self.dataset, self.folder / "rank", self.tracking, parent)
        self.say(f"trials are ranked by {ranked_by(trials)}")
        ranked = ranking.of(trials, how)
        for place, one in enumerate(ranked, start=1):
            found = f"{one.trial.found} in the sweep"
            if one.runs:
                found += (
                    f", mIoU {one.miou.mean:.4f} ± {one.miou.std:.4f} over {len(one.runs)} seeds"
                )
            self.say(f"{place}. trial {one.trial.number} ({one.trial.name}): {found}")
        return ranked

    def _train(self, ranked: Sequence[Ranked], members: int, parent: str) -> list[Final]:
        """Train the candidates finally; the better one first, then the other members of it."""
        training = FinalTraining(
            self.tree, self.dataset, self.folder / "final", self.tracking, parent
        )
        seed, candidates = int(self.tree["seed"]), []
        for k, one in enumerate(ranked, start=1):
            try:
                candidates.append(training.of(one.trial, seed, f"final training of candidate {k}"))
            except DivergedError as error:
                self.say(f"candidate {k} ({one.trial.name}) is left out: {error}")
        if not candidates:
            raise UserError(
                "`candidates` must hold a trial whose final training does not diverge, but all "
                f"{len(ranked)} did; more candidates, another seed, or smaller learning rates."
            )
        best = max(candidates, key=lambda final: final.miou)
        self.say(
            f"final training: validation mIoU {best.miou:.4f} on balanced pixels "
            f"({best.trial.name})"
        )
        found, following = [best], seed
        while len(found) < members:
            following += 1
            try:
                text = f"member {len(found) + 1} of {members}"
                found.append(training.of(best.trial, following, text))
            except DivergedError as error:
                self.say(f"the member of seed {following} is left out: {error}")
                if following - seed > 2 * members:
                    raise UserError(
                        f"`ensemble={members}` needs as many trainings that do not diverge, but "
                        f"{following - seed} seeds gave {len(found)}; the choices are a smaller "
                        "ensemble or a trial with a smaller learning rate."
                    ) from error
        return found

    def _choose(self, finals: Sequence[Final], name: str) -> Chosen:
        """Post-processing and temperature, on every labelled validation pixel."""
        grid = self._grid
        plain = segmenter_of(finals, PostProcessing())

        def choose() -> Record:
            found = validation_squares(plain, finals[0].material, grid.margin)
            squares = [square for _, square in found]
            with Progress("post-processing") as progress:
                best, surface = search(squares, grid, progress)
            return {
                "best": best.to_json(),
                "surface": surface.tolist(),
                "calibration": fit_calibration(squares, best.sigma).to_json(),
                "rows": rows_of(found, best),
            }

        record = self.once(f"chosen-{name}", choose, *CHOSEN_KEYS)
        best, calibration = (
            PostProcessing(**record["best"]),
            Calibration.from_json(record["calibration"]),
        )
        rounds = "1 round" if best.rounds == 1 else f"{best.rounds} rounds"
        small = f", components below {best.min_size} px flipped" if best.min_size > 1 else ""
        self.say(
            f"{name}: sigma {best.sigma:g} px, threshold {best.threshold:.3f}, {rounds}{small}; "
            f"temperature {calibration.temperature:.3f}, offset {calibration.offset:+.3f}"
        )
        segmenter = replace(
            plain, postprocessing=best, temperature=calibration.temperature,
            offset=calibration.offset, smoothed_px=best.sigma,
        )  # fmt: skip
        return Chosen(segmenter, grid.margin, record["surface"], calibration, record["rows"])

    def _test(self, chosen: dict[str, Chosen], final: Final) -> Record:
        """The one look at the test squares: all models on them, the champion among them."""

        def look() -> Record:
            champion = registry.champion_version(self.tracking.uri)
            theirs: Bundle | None = None
            theirs_of = None
            if champion is not None:
                theirs_of = registry.run_of(champion, self.tracking.uri)
                theirs = find_bundle(f"models:/{registry.REGISTERED}/{champion}", self.tracking.uri)
            segmenters = {name: one.segmenter for name, one in chosen.items()}
            margin = chosen["challenger"].margin
            found = examine_on_test(segmenters, final.material, margin, theirs)
            made_with = theirs and {key: theirs.audit.get(key) for key in ("dataset", "data")}
            when = datetime.now(UTC).isoformat(timespec="seconds")
            against = {"against": champion, "against_run": theirs_of}
            return {**found, **against, "champion": made_with, "when": when}

        return dict(self.once("test", look, *TEST_KEYS))

    def _figures(self, chosen: dict[str, Chosen], final: Final, tested: Record) -> Record:
        """All figures of the challenger, and what an ensemble brings and costs."""
        challenger = chosen["challenger"]
        segmenter, material = challenger.segmenter, final.material

        def score() -> Record:
            train = score_split(segmenter, material, "train", challenger.margin)
            return {
                "rows": [*train, *challenger.rows],
                "val": balanced(segmenter, material, "val"),
                "seconds_per_gigapixel": {
                    name: seconds_per_gigapixel(Scorer(one.segmenter))
                    for name, one in chosen.items()
                },
            }

        scored = self.once("scores", score, *SCORE_KEYS)
        run = {"squares": [*scored["rows"], *tested["rows"]["challenger"]]}
        record: Record = {
            "postprocessing": segmenter.postprocessing.to_json(),
            "calibration": {
                **challenger.calibration.to_json(),
                **{f"test_{k}": v for k, v in tested["calibration"]["challenger"].items()},
            },
            "val": scored["val"],
            "test": tested["balanced"]["challenger"],
            **{f"{s}_all": labelled_figures(run, s, CHOSEN) for s in ("train", "val", "test")},
            "squares": run["squares"],
            "seconds_per_gigapixel": scored["seconds_per_gigapixel"]["challenger"],
        }
        self.say(
            f"test mIoU on every labelled pixel: {record['test_all']['miou']:.4f} with "
            "post-processing"
        )
        if "single" in chosen:
            alone = labelled_figures({"squares": tested["rows"]["single"]}, "test", CHOSEN)
            record["ensemble"] = {
                "members": len(segmenter.members),
                "single_test_miou": alone["miou"],
                "gain_test_miou": record["test_all"]["miou"] - alone["miou"],
                "single_test_calibration_error": tested["calibration"]["single"]["ece_after"],
                "cost_ratio": record["seconds_per_gigapixel"]
                / scored["seconds_per_gigapixel"]["single"],
            }
            self.say(
                f"ensemble of {len(segmenter.members)}: test mIoU "
                f"{record['ensemble']['gain_test_miou']:+.4f} against its first member, at "
                f"{record['ensemble']['cost_ratio']:.1f} times the cost"
            )
        return record

    def _report(
        self, finals: Sequence[Final], chosen: Chosen, record: Record
    ) -> list[tuple[Path, str]]:
        """Tables and figures; returns them with the folders of the run that they belong in."""
        segmenter = chosen.segmenter
        square = next(scored_squares(finals[0].material, Scorer(segmenter), "val", chosen.margin))
        pictures = draw(
            finals, chosen.calibration, self._grid, chosen.surface, segmenter.postprocessing,
            square, self.folder / "figures",
        )  # fmt: skip
        tables = write_tables(record, self.folder / "tables")
        return [*((path, "tables") for path in tables), *((path, "figures") for path in pictures)]

    def _log(self, record: Record, parent: str, files: Sequence[tuple[Path, str]]) -> None:
        """Tables, figures and metrics, once, on the run of the final training and the promotion's.

        That of the training has its own curve of ``val``; an ensemble's would lie on it at epoch 0.
        """
        metrics = {
            f"{group}/{key}": value
            for group in ("test", "train_all", "val_all", "test_all")
            for key, value in record[group].items()
        }
        metrics |= {f"postprocessing/{k}": float(v) for k, v in record["postprocessing"].items()}
        own = {f"val/{key}": value for key, value in record["val"].items()}
        run_id = record["run_id"]
        for run, more, some in ((run_id, {}, files), (parent, own, [])):
            if self.tracking.logged_steps(run, names.SIGMA):
                continue
            for path, folder in some:
                self.tracking.log_file(run, path, folder)
            self.tracking.tag(run, {names.TEST: names.SCORED})
            self.tracking.log_metrics(run, metrics | more)
            self.tracking.end(run)
