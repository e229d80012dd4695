"""Names of slices that people give: counters of every kind, halves of a film, words, dates.

Right is the film in its order; if the order cannot be inferred from the names, reading is wrong.
"""

import os
import uuid

from films import GREY, N, film, folder

NUMERALS = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WORDS = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
]  # fmt: skip
SERIES = {
    "beyond 9999": [f"s_{k:04d}.tif" for k in range(9994, 10006)],
    "TIF and tif": [f"s_{k:04d}.{'TIF' if k % 3 else 'tif'}" for k in N],
    "parentheses": [f"slice ({k + 1}).tif" for k in N],
    "the first without a number": ["slice.tif", *(f"slice ({k}).tif" for k in N[1:])],
    "letters": [f"slice_{chr(97 + k)}.tif" for k in N],
    "two letters": [f"s_{k // 2:03d}{'ab'[k % 2]}.tif" for k in N],
    "numerals": [f"s_{text}.tif" for text in NUMERALS],
    "exponents": [f"z_{(k + 5) * 1e-8:.1e}m.tif" for k in N],
    "hexadecimal": [f"s_{k + 154:02x}.tif" for k in N],
    "mosaic": [f"tile_{k // 4:02d}_{k % 4:02d}.tif" for k in N],
    "times of a film": [f"t{k // 6:03d}_z{k % 6:03d}.tif" for k in N],
    "parts": [f"part{k // 6}_{k % 6:02d}.tif" for k in N],
    "parts that go on": [f"part{k // 6}_{k:02d}.tif" for k in N],
    "days before months": [f"{(24 + k) % 31 + 1:02d}-{1 + (k > 6):02d}-2024.tif" for k in N],
    "months before days": [f"{1 + (k > 6):02d}-{(24 + k) % 31 + 1:02d}-2024.tif" for k in N],
    "months by name": [f"2024-{month}-15.tif" for month in MONTHS],
    "clocks": [f"{23 + (50 + k) // 60 - 24 * (k > 9):02d}-{(50 + k) % 60:02d}-00.tif" for k in N],
    "seconds": [f"img_{1705312345 + 61 * k}.tif" for k in N],
    "milliseconds": [f"img_{1705312345123 + 61017 * k + k % 3 * 7}.tif" for k in N],
    "identifiers": [f"{uuid.UUID(int=(k + 1) * 7919**9 % 2**128)}.tif" for k in N],
    "number and identifier": [f"{k:03d}_{uuid.UUID(int=(k + 1) * 7919**9)}.tif" for k in N],
    "number and dose": [f"s{k:03d}_dose{1.5 + 0.01 * (k * 7 % 5):.2f}.tif" for k in N],
    "number and temperature": [f"s{k:03d}_300K.tif" for k in N],
    "number and distance": [f"s{k:03d}_wd{4.1 + 0.001 * k:.3f}mm.tif" for k in N],
    "many digits": [f"{10**21 + k}.tif" for k in N],
    "many zeros": [f"s{'0' * 150}{k}.tif" for k in N],
    "signed decimals": [f"z={-0.06 + 0.01 * k:+.2f}um.tif" for k in N],
    "ordinals": [f"{k + 1}{['st', 'nd', 'rd', 'th'][min(k, 3)]} slice.tif" for k in N],
    "words": [f"slice {word}.tif" for word in WORDS],
    "pictures": [f"\U0001f52c{k}.tif" for k in N],
    "raised": [f"s{str(k).translate({48 + n: '⁰¹²³⁴⁵⁶⁷⁸⁹'[n] for n in range(10)})}.tif" for k in N],
    "circled": [f"s{chr(0x2460 + k)}.tif" for k in N],
    "thousands apart": [f"z {k * 500:,} nm.tif".replace(",", " ") for k in N],
    "one edited": [f"s{k:03d}{'_v2' if k == 4 else ''}.tif" for k in N],
    "half of another kind": [f"s{k:03d}.{'ome.' if k > 5 else ''}tif" for k in N],
    "twice the extension": [f"s{k:03d}.tif.tif" for k in N],
    "every third": [f"s{3 * k}.tif" for k in N],
    "counted anew each day": [f"2024-01-{15 + k // 6}_s{k % 6}.tif" for k in N],
    "signs": [f"z{k - 6:+d}.tif" for k in N],
    "percent": [f"s%20{k:02d}.tif" for k in N],
    "brackets": [f"[{k}].tif" for k in N],
    "line breaks": [f"s\n{k}.tif" for k in N],
    "bytes": [os.fsdecode(b"s\xff%d.tif" % k) for k in N],
    "two forms of an umlaut": [f"{'Gro' + chr(776) if k % 2 else 'Grö'}{k}.tif" for k in N],
}


def inputs():
    for name, names in SERIES.items():
        yield name, film(folder(names, GREY))
