"""Names of folders as they are typed behind `volume=`, which Hydra takes for something else."""

from fibsem.config import compose

TYPED = [
    "2024_01_15", "20240301", "1_000", "0012", "1e3", "2024-01-15", "12.50", "true", "nan", "0x10",
    "yes", "no", "~", "NULL", "HPC 30 % (2)", "a,b", "a=b", "50 %", "x?y#z", "Größe", "it's",
    '"a" b', "[2024] film", "a;b&c", "..", "../up", "a\\b", " space ", "x" * 260, "{a: 1}", "!x",
    "choice(a,b)", "@x", "-x", "a:b", "日本", "a|b", "(a", "film/", "$",
]  # fmt: skip


def inputs():
    for typed in TYPED:
        yield (
            typed,
            lambda typed=typed: str(compose("segment", [f"volume={typed}"])["volume"]) == typed,
        )
