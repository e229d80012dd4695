"""Names and folders in manifests that YAML takes for something else."""

from films import dataset, load_dataset

WRITTEN = [
    "2024_01_15", "2024-01-15", "20240301", "007", "12.50", "1e3", "1_000", "0x10", "0b11", "0o17",
    "yes", "no", "on", "off", "true", "~", ".nan", ".inf", "12:30:45", "1.2.3", "HPC 30 % (2)",
    "Größe", "a=b", "2024-13-45", "+1", "y", "=", "NULL",
]  # fmt: skip


def sample(name, volume="slices"):
    return f"\n- name: {name}\n  volume: {volume}\n  regions: regions.csv"


def named(written):
    def right():
        read = load_dataset(dataset(name=written, samples=sample(written)))
        return (read.name, read.samples[0].name) == (written, written)

    return right


def placed(written):
    def right():
        path = dataset(samples=sample("film", written))
        (path / "slices").rename(path / written)
        return load_dataset(path).samples[0].volume.path.name == written

    return right


def inputs():
    for written in WRITTEN:
        yield f"a name {written}", named(written)
    for written in WRITTEN[:16]:
        yield f"a folder {written}", placed(written)
