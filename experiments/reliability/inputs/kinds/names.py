"""Names of slices: numbers of every kind, lost and doubled files, strangers, several series."""

from films import GREY, PLAIN, N, film, folder, nothing

WIDE = {48 + n: 0xFF10 + n for n in range(10)}
SERIES = {
    "Atlas": [f"slice_{k:05d}_z={0.01 * k:.4f}um.tif" for k in N],
    "not padded": [f"s{k}.tif" for k in N],
    "negative": [f"z{k - 6}.tif" for k in N],
    "decimals": [f"z_{0.25 * k:g}um.tif" for k in N],
    "decimal commas": [f"z_{k // 10},{k % 10}um.tif" for k in N],
    "every second": [f"s_{2 * k:04d}.tif" for k in N],
    "every 10 nm": [f"s_{10 * k:04d}nm.tif" for k in N],
    "two extensions": [f"s_{k:04d}.{'tif' if k % 2 else 'tiff'}" for k in N],
    "full width": [f"s_{k}.tif".translate(WIDE) for k in N],
    "version": [f"film_v1.2_{k}.tif" for k in N],
    "of twelve": [f"{k}of12.tif" for k in N],
    "index and time": [f"s{k}_20240115_2359{50 + k}.tif" for k in range(10)]
    + [f"s{k}_20240116_0000{k}.tif" for k in (10, 11)],
}
STRANGERS = (
    "slice_0003 (1).tif", "slice_0003 - Copy.tif", "Copy of slice_0003.tif", "MAX_slices.tif",
    "slice_3.tif", "slice_0003_mask.tif", "~$slice_0003.tif", "thumb.tif", "slice_0003.5.tif",
)  # fmt: skip
SEVERAL = {
    "SEM Image {c} - SliceImage - {k:03d}.tif": "SEM Image 1 - *",
    "img_{k:03d}_ch{c}.tif": "*_ch1.tif",
    "{c}_{k}.tif": "1_#.tif",
}
TIMES = [f"2024-01-15_{10 + k * 7 // 60}{k * 7 % 60:02d}{k * 13 % 60:02d}.tif" for k in N]


def inputs():
    for name, names in SERIES.items():
        path = folder(names)
        yield name, film(path)
        path = folder(names)
        (path / names[5]).unlink()
        yield f"{name}, one lost", film(path, lost=[5])
        yield f"{name}, one lost, with gaps", film(path, lost=[5], gaps=True)
    for stranger in STRANGERS:
        path = folder([*PLAIN, stranger], [*GREY, GREY[3]])
        yield stranger, film(path)
        yield f"{stranger}, with gaps", film(path, gaps=True)
    for name, pattern in SEVERAL.items():
        names = [name.format(k=k, c=c) for k in N for c in (1, 2)]
        path = folder(names, [image for grey in GREY for image in (grey, 255 - grey)])
        yield name, nothing(path)
        yield f"{name}, picked", film(path, pattern=pattern)
    yield "times", film(folder(TIMES))
    yield "times, picked", film(folder(TIMES), pattern="2024-01-15_@.tif")
    yield "minus or hyphen", nothing(folder([f"z_-{k + 1}.tif" for k in N]))
