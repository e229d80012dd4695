"""Squares that are placed, numbered or labelled wrongly: right is to say so, and of no others."""

import numpy as np
import tifffile
from films import place
from kinds.placing import film

from fibsem import api

SIDE, SQUARES = 32, 16
PARTS = ["train"] * 8 + ["val"] * 4 + ["test"] * 4
GREY, LABELS = film(0)
_rng = np.random.default_rng(5)
SPOTS = [
    (2 * k + 1, int(_rng.integers(0, 64 - SIDE)), int(_rng.integers(0, 96 - SIDE)))
    for k in range(SQUARES)
]
MASKS = [LABELS[z, y : y + SIDE, x : x + SIDE] for z, y, x in SPOTS]
ELSEWHERE = film(3)[1][9, :SIDE, :SIDE]


def dataset(spots=SPOTS, masks=MASKS, names=range(SQUARES)):
    home = place()
    (home / "masks").mkdir(parents=True)
    tifffile.imwrite(home / "film.tif", GREY, photometric="minisblack")
    rows = ["mask,z,y,x,split"]
    for k, (spot, mask) in enumerate(zip(spots, masks, strict=True)):
        tifffile.imwrite(home / "masks" / f"m{k}.tif", mask)
        rows.append(f"masks/m{names[k]}.tif,{','.join(map(str, spot))},{PARTS[k]}")
    (home / "regions.csv").write_text("\n".join(rows) + "\n")
    (home / "dataset.yaml").write_text(
        "name: film\nvoxel_nm: {z: 10, y: 10, x: 10}\nclasses: {pore: 0, solid: 255}\n"
        "samples: [{name: film, volume: film.tif, regions: regions.csv}]\n"
    )
    return home


def said(wanted=True, **changes):
    """Return a check that there are warnings about the squares if and only if ``wanted``."""
    home = dataset(**changes)

    def right():
        opened = api.open_dataset(home)
        return any(one.startswith("film: ") for one in opened.warnings()) == wanted

    return right


def moved(*by):
    """Return the positions of all squares moved, within the film."""
    most = (GREY.shape[0] - 1, GREY.shape[1] - SIDE, GREY.shape[2] - SIDE)
    return [
        tuple(min(max(a + b, 0), m) for a, b, m in zip(spot, by, most, strict=True))
        for spot in SPOTS
    ]


def but(change, *which):
    return [change(mask) if k in which else mask for k, mask in enumerate(MASKS)]


def spots(k, spot):
    return [spot if i == k else one for i, one in enumerate(SPOTS)]


def inputs():
    yield "in place", said(False)
    for by in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1), (2, 0, 0)):
        yield f"moved by {by}", said(spots=moved(*by))
    yield "centres for corners", said(spots=moved(0, SIDE // 2, SIDE // 2))
    yield "y from below", said(spots=[(z, 64 - SIDE - y, x) for z, y, x in SPOTS])
    yield "a row further", said(spots=[*SPOTS[1:], SPOTS[0]])
    yield "a name further", said(masks=[*MASKS[1:], MASKS[0]])
    yield "one name twice", said(names=[0 if k == 9 else k for k in range(SQUARES)])
    yield "one picture twice", said(masks=[MASKS[2] if k == 9 else m for k, m in enumerate(MASKS)])
    yield (
        "one 20 pixels off",
        said(spots=spots(3, (SPOTS[3][0], (SPOTS[3][1] + 16) % 32, SPOTS[3][2]))),
    )
    yield "one 12 slices off", said(spots=spots(3, (SPOTS[3][0] + 12, *SPOTS[3][1:])))
    changes = {
        "inverted": lambda one: 255 - one,
        "turned": lambda one: one[::-1, ::-1].copy(),
        "transposed": lambda one: one.T.copy(),
        "of another film": lambda _: ELSEWHERE,
    }
    for name, change in changes.items():
        for which in ((4,), (4, 9, 13), (12, 13, 14, 15)):
            yield f"{len(which)} {name}, from {which[0]} on", said(masks=but(change, *which))
    yield "all transposed", said(masks=but(changes["transposed"], *range(SQUARES)))
    beyond = {
        "below": (1, 33, 0),
        "right of it": (1, 0, 65),
        "behind": (40, 0, 0),
        "before": (1, -1, 0),
    }
    for name, spot in beyond.items():
        yield f"one {name}", said(None, spots=spots(3, spot))
    z, y, x = SPOTS[0]
    yield "one of test over one of train", said(None, spots=spots(12, (z, y + 1, x)))
