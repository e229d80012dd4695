"""Tables of the thickness of slices as spreadsheets and microscopes write them, for `quantify`."""

from functools import cache

import numpy as np
import zarr
from films import place
from kinds.segmentations import measured, never, segmented

NM = [40.5, 60.0, 50.0, 55.0, 45.0, 52.0, 48.0, 51.0, 49.0, 53.0, 47.0, 50.0]
PLAIN = "z,nm\n" + "".join(f"{z},{nm}\n" for z, nm in enumerate(NM))


@cache
def base():
    """Return a segmentation, and its porosity by slice."""
    folder = segmented()
    labels = zarr.open_group(folder / "labels.ome.zarr", mode="r")["0"][:]
    return folder, (labels == 0).mean((1, 2))


def table(content, wanted=NM):
    """Return a check that slices are weighted by these thicknesses; None: they are ambiguous."""
    folder, by_slice = base()
    path = place(".csv")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if wanted is None:
        return measured(folder, never, f"thickness={path}")
    porosity = np.average(by_slice, weights=wanted)
    return measured(
        folder,
        lambda found: abs(found["porosity_by_thickness"] - porosity) < 1e-6,
        f"thickness={path}",
    )


def with_first(nm):
    return PLAIN.replace(",", ";").replace("0;40.5", f"0;{nm}")


def listed(values):
    return "z,nm\n" + "".join(f"{z},{nm:g}\n" for z, nm in enumerate(values))


def inputs():
    commas = PLAIN.replace(",", ";").replace(".", ",")
    yield "plain", table(PLAIN)
    yield "CRLF", table(PLAIN.replace("\n", "\r\n"))
    yield "CR", table(PLAIN.replace("\n", "\r"))
    yield "UTF-8 with a mark", table(PLAIN.encode("utf-8-sig"))
    yield "UTF-16", table(PLAIN.encode("utf-16"))
    yield "cp1252", table(("# Größe\n" + PLAIN).encode("cp1252"))
    yield "semicolons", table(PLAIN.replace(",", ";"))
    yield "tabs", table(PLAIN.replace(",", "\t"))
    yield "decimal commas", table(commas)
    yield (
        "decimal commas in quotes",
        table(commas.replace("40,5", '"40,5"').replace(";", ","), None),
    )
    yield "quotes", table(PLAIN.replace("0,40.5", '"0","40.5"'))
    yield "sep=", table("sep=,\n" + PLAIN)
    yield "remark", table("# from the log\n" + PLAIN)
    yield "upper case", table(PLAIN.upper())
    yield "spaces", table(PLAIN.replace(",", " , "))
    yield "empty rows", table(PLAIN.replace("\n", "\n,\n\n"))
    yield "a column more", table(PLAIN.replace("\n", ",a\n").replace("nm,a", "nm,remark"))
    yield "backwards", table("z,nm\n" + "".join(PLAIN.splitlines(keepends=True)[:0:-1]))
    yield "column twice", table(PLAIN.replace("\n", ",5\n").replace("nm,5", "nm,nm"), None)
    yield "slice twice", table(PLAIN.replace("\n", ",5\n").replace("nm,5", "nm,z"), None)
    yield "values without a name", table(PLAIN.replace(",", ",7,").replace("z,7,nm", "z,nm"), None)
    yield "from 1", table("z,nm\n" + "".join(f"{z + 1},{nm}\n" for z, nm in enumerate(NM)), None)
    yield "a sum", table(PLAIN + "sum,450\n", None)
    yield "micrometres", table(listed(np.array(NM) / 1000), None)
    yield "metres", table(listed(np.array(NM) * 1e-9), None)
    yield "depths from 0", table(listed(np.cumsum([0, *NM[:-1]])), None)
    yield "depths", table(listed(np.cumsum(NM)), None)
    yield "depths backwards", table(listed(np.cumsum(NM)[::-1]), None)
    yield "depths from far", table(listed(300 + np.cumsum(NM)), None)
    drift = np.linspace(40, 44, len(NM))
    yield "drift", table(listed(drift), drift)
    for nm in ("1_0", "0x10", "10 nm", "1,000", "", "nan", "inf", "-10", "True", "1e308", "0"):
        yield f"a thickness of {nm}", table(with_first(nm), None)
