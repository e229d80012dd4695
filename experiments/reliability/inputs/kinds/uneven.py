"""Slices whose numbers are not even: right is their order, with a pattern that says what sorts."""

import contextlib

from films import film, folder, nothing

from fibsem.data.volumes import open_volume
from fibsem.errors import UserError

TIMES = ["2024-01-15_11-05-59 AM", "2024-01-15_01-05-59 PM", "2024-01-15_02-05-59 PM"]
#: Numbers in the names of slices, in order.
NUMBERS = {
    "decimals": ["0.1", "0.25", "0.5", "0.9", "1.05", "1.3", "2"],
    "decimals with commas": ["0,1", "0,25", "0,5", "0,9", "1,05"],
    "one decimal and none": ["0.5", "1", "2.25", "10", "10.5"],
    "signs": ["-30", "-20", "-7", "0", "5", "12"],
    "signs and decimals": ["-1.5", "-0.25", "0.1", "2"],
    "plus and minus": ["-3", "-1", "+2", "+10"],
    "exponents": ["1e-05", "2.5e-05", "1.2e-04", "3e-03"],
    "whole numbers": ["1", "2", "5", "12", "100"],
    "padded": ["001", "002", "005", "012", "100"],
    "decimals of one length": ["0.10", "0.25", "0.50", "0.90"],
}


def refused(path, **options):
    """Return a check that passes for a refusal or the correct film, and fails otherwise."""

    def right():
        with contextlib.suppress(UserError):
            return film(path, **options)()
        raise UserError("refused")

    return right


def made(names):
    from films import GREY

    return folder(names, GREY[: len(names)]), GREY[: len(names)]


def inputs():
    for name, numbers in NUMBERS.items():
        for before, behind in (("z_", "um"), ("z", "")):
            path, grey = made([f"{before}{n}{behind}.tif" for n in numbers])
            yield f"{name}, {before}@{behind}", film(path, grey, pattern=f"{before}@{behind}.tif")
            yield f"{name}, @ for all of it", refused(path, wanted=grey, pattern="@.tif")
            yield f"{name}, {before}N{behind} alone", refused(path, wanted=grey)
    for pattern in ("@.tif", "2024*_@.tif"):
        path, grey = made([f"{time}.tif" for time in TIMES])
        yield f"clocks of twelve hours, {pattern}", film(path, grey, pattern=pattern)
    path, _ = made([f"{time[11:]}.tif" for time in TIMES])
    yield "clocks of twelve hours without a date", nothing(path, pattern="@.tif")
    path, grey = made([f"s{n}.tif" for n in ("1.9", "1.10", "1.11", "2.1")])
    yield "chapters, @.@", film(path, grey, pattern="s@.@.tif")
    yield "chapters, @", refused(path, wanted=grey, pattern="s@.tif")
    for form in ("slice {} (of 13).tif", "{}sur13.tif", "{} di 13.tif", "{}_van_13.tif"):
        path, _ = made([form.format(k) for k in range(1, 13)])
        yield f"12 of 13, {form}", lambda p=path: open_volume(p).shape[0] == 13
