"""Region tables as spreadsheets and people leave them."""

import codecs

from films import dataset, labels

BASE = (dataset() / "regions.csv").read_text()
ROWS = [line.split(",") for line in BASE.split()]


def joined(rows=ROWS, sep=",", eol="\n"):
    return eol.join(map(sep.join, rows)) + eol


def decimal(cell):
    return f"{cell},0" if cell.isdecimal() else cell


READ = {
    "CRLF": joined(eol="\r\n"),
    "CR": joined(eol="\r"),
    "semicolons": joined(sep=";"),
    "tabs": joined(sep="\t"),
    "sep=": f"sep=,\n{BASE}",
    "UTF-8 with a mark": codecs.BOM_UTF8 + BASE.encode(),
    "UTF-16": joined(sep="\t").encode("utf-16"),
    "empty rows": f"{BASE},,,,\n,,,,\n",
    "blank lines": f"{BASE}\n \n",
    "upper case": BASE.replace("mask,z", "MASK,Z"),
    "spaces": joined(sep=" , "),
    "12.0": BASE.replace(",0,0,", ",0.0,0.0,"),
    "12,0": joined([[decimal(cell) for cell in row] for row in ROWS], ";"),
    "Train": BASE.replace("train", "Train"),
    "remark": f"# drawn by us\n{BASE}",
    "remark at the end": f"{BASE}# drawn by us\n",
    "backslashes": BASE.replace("s/m", "s\\m"),
    "trailing comma": joined([[*row, ""] for row in ROWS]),
}
REFUSED = {
    "column twice": BASE.replace("x,split", "x,x"),
    "1_0": BASE.replace("m1.tif,1,", "m1.tif,1_0,"),
    "row twice": BASE + ",".join(ROWS[1]) + "\n",
    "NUL": f"{BASE}\0\n",
    "empty": "",
    "5000 digits": BASE.replace("m1.tif,1,", f"m1.tif,{'9' * 5000},"),
    "open quote": f'{BASE}"a,1\n',
    "no text": BASE.encode() + b"\x81,1,2,3\n",
    "too few": f"{BASE}masks/m1.tif,1\n",
    "validation": BASE.replace(",val", ",validation"),
    "no such mask": BASE.replace("m3.tif", "none.tif"),
}


def inputs():
    for tables, known in ((READ, True), (REFUSED, False)):
        for name, content in tables.items():
            path = dataset()
            data = content if isinstance(content, bytes) else content.encode()
            (path / "regions.csv").write_bytes(data)
            yield name, labels(path, known)
