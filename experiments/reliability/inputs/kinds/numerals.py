"""Numbers in manifests as people write them, and what is around them: marks, anchors, documents."""

import codecs

from films import dataset, labels, load_dataset

#: Text of a number, and its value, or None if it is not a number.
NUMBERS = {
    "050": 50, "08": 8, "010": 10, "0": None, "1:30": None, "1:30.5": None, "0b11": None,
    "0o17": None, "1e2": 100, "1.5E+1": 15, "+7": 7, ".5": 0.5, "5.": 5, "00.5": 0.5, "1_000": 1000,
    "1 000": None, "'50'": None, "50 nm": None, "1/2": None, "5,5": None, "12.5.1": None,
    "0x10": 16, "١٢": None, "5e": None, "1e-9": None, "09:00": None, "1900-01-01": None,
}  # fmt: skip
VALUES = {
    "0255": True, "0255.0": False, "4:15": False, "0377": False, "255.0": False, "'255'": False,
    "2.55e2": False, "+255": True, "0xFF": True,
}  # fmt: skip
RANGES = {
    "[0, 0200]": (0, 200),
    "[00, 200.50]": (0, 200.5),
    "[0, 3:20]": None,
    "[0, 2e2]": (0, 200),
}
BASE = (dataset() / "dataset.yaml").read_text()
WHOLE = {
    "CRLF": BASE.replace("\n", "\r\n"),
    "a mark": codecs.BOM_UTF8 + BASE.encode(),
    "an anchor": BASE.replace("classes: {", "classes: &c {"),
    "a version": f"%YAML 1.2\n---\n{BASE}...\n",
    "a merge": BASE.replace("{pore: 0,", "{<<: {pore: 255}, pore: 0,"),
    "a remark": f"{BASE}# voxel_nm: {{z: 1, y: 1, x: 1}}\n",
    "a slash": BASE.replace("volume: slices", "volume: ./slices/"),
}
REFUSED = {
    "UTF-16": BASE.encode("utf-16"), "Latin": BASE.replace("film", "Größe").encode("cp1252"),
    "tabs": f"{BASE}voxel_nm:\n\tz: 5\n", "two documents": f"{BASE}---\n{BASE}", "nothing": "",
    "a list": "- a\n", "NUL": f"{BASE}\0", "code": BASE.replace("film", "!!python/name:os.system"),
    "an unknown key": f"{BASE}voxelnm: 5\n", "no samples": BASE.partition("samples")[0],
    "a bell": BASE.replace("name: film\n", 'name: "a\\ab"\n', 1),
    "percent": BASE.replace("regions.csv}", "regions.csv, expected_porosity: 29 %}"),
    "a list of sizes": f"{BASE}voxel_nm: [50, 10, 10]\n",
    "upper case": f"{BASE}voxel_nm: {{Z: 5}}\n",
}  # fmt: skip


def size(written, meant):
    def right():
        z, _, _ = load_dataset(dataset(voxel_nm=f"{{z: {written}, y: 5, x: 5}}")).voxel_nm
        return z == meant

    return right


def reach(written, meant):
    sample = f"{{name: film, volume: slices, regions: regions.csv, range: {written}}}"

    def right():
        read = load_dataset(dataset(samples=f"[{sample}]"))
        return read.samples[0].volume.value_range == meant

    return right


def given(content):
    path = dataset()
    data = content if isinstance(content, bytes) else content.encode()
    (path / "dataset.yaml").write_bytes(data)
    return path


def inputs():
    for written, meant in NUMBERS.items():
        yield f"a size of {written}", size(written, meant)
    for written, known in VALUES.items():
        yield (
            f"a label of {written}",
            labels(dataset(classes=f"{{pore: 0, solid: {written}}}"), known),
        )
    for written, meant in RANGES.items():
        yield f"a range of {written}", reach(written, meant)
    for contents, known in ((WHOLE, True), (REFUSED, False)):
        for name, content in contents.items():
            yield name, labels(given(content), known)
