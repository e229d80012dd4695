"""Whether a challenger takes the champion's place: only that of one it was compared with, once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from fibsem.analysis.statistics import Gate
from fibsem.config import GateConfig, Tree, read
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.promotion.examination import verdict
from fibsem.promotion.release import registry_tags
from fibsem.system.files import read_json, write_json
from fibsem.tracking import registry
from fibsem.tracking.packaging import example_of
from fibsem.training.squares import Record

#: Says that the promotion has made a champion, and by which verdict.
CROWNED = "crowned.json"
#: What can be done where nobody knows any more whether it has made one.
UNCROWNED = "the choices are to remove it, upon which the gate decides again, or overwrite=true"


@dataclass(frozen=True)
class Succession:
    """One challenger before the gate.

    Attributes
    ----------
    tree, dataset, folder
        Of the promotion.
    uri
        Of the store with the champion.
    run_id
        Of the challenger.
    tested
        What the test squares said of it and of the champion: their ``rows``, which version it was
        compared ``against``, and the run of that one.
    """

    tree: Tree
    dataset: Dataset
    folder: Path
    uri: str
    run_id: str
    tested: Record

    def gate(self) -> Gate:
        """The verdict on what was found; that of the coronation where there was one.

        It is not kept: a promotion that was refused may be given again with another gate.
        """
        crowned = self._crowned()
        if crowned is not None:
            return crowned
        how = read(GateConfig, self.tree["gate"], "gate")
        gate = verdict(self.tested["rows"], self.tested["champion"], self.dataset, how)
        now, against = registry.champion_version(self.uri), self.tested["against"]
        if now is not None and now not in self._compared():
            reason = (
                f"the champion is version {now} now, but the comparison was with "
                f"{f'version {against}' if against else 'none'}; force=true promotes regardless, "
                "another output compares anew"
            )
            gate = replace(gate, passed=False, reason=reason)
        if how.force and not gate.passed:
            gate = replace(gate, passed=True, reason=f"forced by force=true; {gate.reason}")
        return gate

    def register(self, bundle: Path, gate: Gate, record: Record) -> str:
        """Register the bundle once, and crown it where the gate lets it pass; returns its version.

        Raises
        ------
        UserError
            If meanwhile another champion was made than the one it was compared with.
        """
        tags = registry_tags(self.dataset, gate, record)
        version = registry.version_of(self.run_id, self.uri)
        if version is None:
            example = example_of(self.dataset.samples[0].volume)
            version = registry.register(bundle, self.run_id, self.uri, tags, example=example)
        registry.note_verdict(version, self.uri, tags, bundle)  # it may be another than before
        # once: repeated after a rollback, the command crowns nobody again
        if gate.passed and self._crowned() is None:
            forced = gate.reason.startswith("forced")
            registry.crown(
                version, self.uri, gate.reason, "forced" if forced else "promoted",
                instead_of=None if forced else self._compared(),
            )  # fmt: skip
            write_json(self.folder / CROWNED, {"version": version, "gate": asdict(gate)})
        return version

    def _compared(self) -> list[str]:
        """Whose place the challenger may take: that of the one it was compared with, or its own.

        Another store has another version of the same number.
        """
        against, then = self.tested["against"], self.tested.get("against_run")
        known = then is None or registry.run_of(against, self.uri) == then
        own = registry.version_of(self.run_id, self.uri)
        return [version for version in (against if known else None, own) if version]

    def _crowned(self) -> Gate | None:
        """The verdict by which it was made champion of this store; None before."""
        path = self.folder / CROWNED
        if not path.is_file():
            return None
        known = read_json(path, keys=("version", "gate"), remedy=UNCROWNED)
        if known["gate"].keys() != {field.name for field in fields(Gate)}:
            raise UserError(f"a verdict must be whole, but {path} is damaged; {UNCROWNED}.")
        if known["version"] != registry.version_of(self.run_id, self.uri):
            return None
        return Gate(**known["gate"])
