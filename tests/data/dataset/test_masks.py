"""Masks as annotation programs save them: every one the labels that were drawn, or refused."""

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from fibsem.data.dataset.labels import IGNORE, Classes
from fibsem.data.dataset.masks import Mask
from fibsem.errors import UserError

SOLID = np.random.default_rng(0).random((9, 14)) < 0.6
DRAWN = SOLID.astype(np.uint8)
BLACK_WHITE = Classes(0, 255)
NUMBERED = Classes(1, 2)


def as_values(classes, dtype=np.uint8):
    return np.where(SOLID, classes.solid, classes.pore).astype(dtype)


def tiff(**options):
    return lambda path, labels: tifffile.imwrite(path, labels, **options)


def png(mode=None, **options):
    def save(path, labels):
        picture = Image.fromarray(labels)
        (picture.convert(mode) if mode else picture).save(path, "PNG", **options)

    return save


def numbered_palette(colours, kind):
    """Numbers 0 and 1 with colours of their own."""

    def save(path, labels):
        picture = Image.fromarray((labels == labels.max()).astype(np.uint8))
        picture.putpalette([*colours, *[0] * 762])
        picture.save(path, kind)

    return save


def turned(path, labels):
    tifffile.imwrite(path, np.iinfo(labels.dtype).max - labels, photometric="miniswhite")


def inverted_palette(path, labels):
    ramp = np.arange(255, -1, -1, dtype=np.uint16)[None] * 257
    tifffile.imwrite(path, 255 - labels, photometric="palette", colormap=ramp.repeat(3, 0))


def zarred(path, labels):
    zarr.create_array(path, shape=(1, *labels.shape), dtype=labels.dtype)[...] = labels[None]


@pytest.mark.parametrize(
    ("save", "classes", "dtype"),
    [
        (tiff(), NUMBERED, "i4"),  # napari
        (tiff(), NUMBERED, "i8"),
        (tiff(), NUMBERED, "u4"),  # ilastik
        (tiff(), NUMBERED, "u8"),
        (tiff(), NUMBERED, "i1"),
        (tiff(), Classes(0, 65535), "u2"),
        (tiff(), BLACK_WHITE, "f4"),
        (tiff(), NUMBERED, "f8"),
        (tiff(imagej=True), BLACK_WHITE, "u1"),
        (tiff(compression="lzw", tile=(16, 16)), BLACK_WHITE, "u1"),
        (tiff(photometric="minisblack"), Classes(0, 1), "?"),
        (tiff(), Classes(0, 1), "?"),  # tifffile calls 0 white wherever it writes truth values
        (turned, BLACK_WHITE, "u1"),
        (turned, Classes(0, 65535), "u2"),
        (zarred, NUMBERED, "i8"),
        (png(), BLACK_WHITE, "u1"),
        (png(), Classes(0, 1), "u1"),
        (png(), Classes(300, 7), "u2"),
        (png("1"), BLACK_WHITE, "u1"),
        (png("P"), BLACK_WHITE, "u1"),
        (png(optimize=True), NUMBERED, "u1"),
        (numbered_palette([0, 0, 0, 255, 255, 255], "PNG"), BLACK_WHITE, "u1"),
        (numbered_palette([0, 0, 0, 255, 255, 255], "TIFF"), BLACK_WHITE, "u1"),
        (numbered_palette([0, 0, 0, 255, 255, 255], "PNG"), Classes(0, 1), "u1"),
        (numbered_palette([255, 0, 0, 0, 255, 0], "PNG"), Classes(0, 1), "u1"),
        (numbered_palette([255, 0, 0, 0, 255, 0], "TIFF"), Classes(0, 1), "u1"),
        (numbered_palette([0, 0, 0, 255, 255, 255], "PNG"), Classes(255, 0), "u1"),
    ],
)
def test_a_mask_is_what_was_drawn(tmp_path, save, classes, dtype):
    save(path := tmp_path / "mask", as_values(classes, dtype))
    mask = Mask(path, classes)
    assert mask.shape == DRAWN.shape
    np.testing.assert_array_equal(mask(), DRAWN)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("compression", [None, "group4"])
def test_one_bit_is_black_or_white(tmp_path, kind, compression):
    options = {"compression": compression} if kind == "TIFF" else {}
    Image.fromarray(as_values(BLACK_WHITE)).convert("1").save(tmp_path / "m", kind, **options)
    np.testing.assert_array_equal(Mask(tmp_path / "m", BLACK_WHITE)(), DRAWN)
    np.testing.assert_array_equal(Mask(tmp_path / "m", Classes(0, 1))(), DRAWN)
    np.testing.assert_array_equal(Mask(tmp_path / "m", Classes(255, 0))(), 1 - DRAWN)
    with pytest.raises(UserError, match="holds 0; declared are 1"):
        Mask(tmp_path / "m", Classes(1, 2))()
    with_ignore = Classes(0, 255, ignore=1)  # white is solid, not what nobody labelled
    np.testing.assert_array_equal(Mask(tmp_path / "m", with_ignore)(), DRAWN)


def test_one_bit_of_other_programs_is_as_they_say(tmp_path):
    tifffile.imwrite(
        tmp_path / "m", ~SOLID, photometric="miniswhite", metadata=None, software="fax"
    )
    np.testing.assert_array_equal(Mask(tmp_path / "m", BLACK_WHITE)(), DRAWN)


def test_zero_may_be_what_nobody_labelled(tmp_path):
    labels = as_values(NUMBERED)
    labels[:4] = 0
    Image.fromarray(labels).save(tmp_path / "m.png")
    found = Mask(tmp_path / "m.png", Classes(1, 2, ignore=0))()
    assert (found[:4] == IGNORE).all()
    np.testing.assert_array_equal(found[4:], DRAWN[4:])


def jpeg(path, labels):
    Image.fromarray(labels.repeat(4, 0).repeat(4, 1)).save(path, "JPEG")


def lying_down(path, labels):
    told = Image.Exif()
    told[ExifTags.Base.Orientation] = 5
    Image.fromarray(labels.T.copy()).save(path, "PNG", exif=told)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lying_down, r"begin at its top left, but .*mask has orientation 5"),
        (png("RGBA"), r"one grey picture, but .*mask is RGBA"),
        (png("LA"), r"one grey picture, but .*mask is LA"),
        (png("RGB"), r"convert it to grey values"),
        (lambda p, m: Image.fromarray(m).convert("RGBA").save(p, "TIFF"), r"has 4 \(RGB"),
        (lambda p, m: Image.fromarray(m).convert("LA").save(p, "TIFF"), r"has 2 \(RGB"),
        (tiff(compression="jpeg", compressionargs={"level": 50}), r"must be declared.*holds \d+"),
        (lambda p, m: png()(p, np.asarray(Image.fromarray(m).resize((40, 30)))), r"holds \d+"),
        (lambda p, m: tifffile.imwrite(p, m / 255.0 * 0.5), r"holds 0.5"),
        (
            lambda p, m: tifffile.imwrite(p, np.full((4, 4), np.nan, "f8")),
            r"finite.*`ignore` names",
        ),
        (inverted_palette, r"both the numbers of the palette .* plain grey values"),
        (lambda p, m: tifffile.imwrite(p, np.stack([m, m])), r"one picture, but .* 2 pages"),
        (
            lambda p, m: png(save_all=True, append_images=[Image.fromarray(255 - m)])(p, m),
            r"one picture, but .* has 2\.",
        ),
        (lambda p, m: p.write_bytes(b"\x89PNG\r\n\x1a\n?"), r"readable TIFF or PNG, but"),
        (lambda p, m: p.write_bytes(b""), r"readable TIFF"),
        (lambda p, m: None, r"mask is not there"),
        (jpeg, r"is a JPEG"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, save, message):
    save(tmp_path / "mask", as_values(BLACK_WHITE))
    mask = Mask(tmp_path / "mask", BLACK_WHITE)
    with pytest.raises(UserError, match=message) as caught:
        [mask.shape, mask()]
    assert "\n" not in str(caught.value)


@given(st.data())
def test_no_value_but_the_declared_ones_passes(data):
    values = st.integers(0, 300)
    pore, solid, ignore = data.draw(st.lists(values, min_size=3, max_size=3, unique=True))
    labels = np.array([data.draw(st.lists(values, min_size=1, max_size=6))])
    classes = Classes(pore, solid, ignore)
    wanted = {pore: 0, solid: 1, ignore: IGNORE}
    if set(labels.ravel()) <= set(wanted):
        assert classes.read(labels, "m").tolist() == [[wanted[v] for v in labels[0]]]
    else:
        with pytest.raises(UserError, match="must be declared"):
            classes.read(labels, "m")
