"""Which files are the slices of a film, by their names: laws, then names as programs write them."""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fibsem.data.volumes.series.numbering import numbered
from fibsem.errors import UserError

N = range(12)


def order(names, **options):
    """The film that shuffled files make, None where one is lost."""
    names = list(names)
    Random(0).shuffle(names)
    return list(numbered(names, "film", **options).order)


def refusal(names, **options):
    with pytest.raises(UserError) as caught:
        order(names, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Laws


@st.composite
def series(draw):
    """The names of a film, in one of the ways in which people and programs number slices."""
    before = draw(
        st.sampled_from(["s", "slice_", "film2_", "HPC30_v2_", "SEM Image 1 - ", "z-", "Größe", ""])
    )
    behind = draw(st.sampled_from(["", "nm", "_ch0", " (raw)", "_x12"]))
    start, step = draw(st.integers(0, 1200)), draw(st.sampled_from([1, 1, 1, 2, 5, 10, 25]))
    numbers = [start + step * k for k in range(draw(st.integers(4, 40)))]
    kind = draw(
        st.sampled_from(["plain", "padded", "signed", "decimal", "shortest", "twice", "stamp"])
    )
    if kind == "signed":
        assume(not before.endswith("-"))
        numbers = [n - numbers[len(numbers) // 2] for n in numbers]
    return kind, [f"{before}{written(n, kind)}{behind}.tif" for n in numbers]


def written(n, kind):
    match kind:
        case "padded":
            return f"{n:05d}"
        case "decimal":
            return f"{n / 100:.2f}um"
        case "shortest":
            return f"{n / 20:g}um"
        case "twice":
            return f"{n:04d}_z={n * 0.01:.4f}um"
        case "stamp":
            return f"2024-01-15_{8 + n // 3600:02d}{n // 60 % 60:02d}{n % 60:02d}"
    return str(n)


@settings(max_examples=100, deadline=None)
@given(series())
def test_a_whole_series_is_the_film(film):
    kind, names = film
    try:
        assert order(names) == names
    except UserError:
        assert kind == "stamp"  # from one minute to the next its digits may be a number, too


@settings(max_examples=100, deadline=None)
@given(series(), st.data())
def test_of_a_lost_file_nothing_but_its_place_is_lost(film, data):
    _, names = film
    k = data.draw(st.integers(1, len(names) - 2))
    rest = names[:k] + names[k + 1 :]
    try:
        found = order(rest)
    except UserError:
        return
    assert found == [*names[:k], None, *names[k + 1 :]]


EXTRA = [
    "{stem} (1){ext}", "{stem} - Copy{ext}", "{stem}_copy{ext}", "Copy of {stem}{ext}",
    "{stem}_mask{ext}", "{stem}.ome{ext}", "MAX_{stem}{ext}", "thumb{ext}", "{stem}b{ext}",
    "0{ext}", "{stem}_2{ext}", "x{stem}{ext}",
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(series(), st.sampled_from(EXTRA), st.data())
def test_a_file_too_many_is_refused(film, extra, data):
    _, names = film
    stem, ext = data.draw(st.sampled_from(names))[:-4], ".tif"
    odd = extra.format(stem=stem, ext=ext)
    assume(odd not in names)
    try:
        found = order([*names, odd])
    except UserError:
        return
    assert found == names, odd


@settings(max_examples=60, deadline=None)
@given(series(), st.sampled_from(["_mask", "_BSE", " (1)", "-ch1"]), st.data())
def test_of_two_series_each_is_picked_by_the_pattern_that_is_offered(film, mark, data):
    kind, names = film
    assume(kind not in ("signed", "stamp"))  # their # is not told by the names of one series
    other = [name.replace(".tif", f"{mark}.tif") for name in names]
    message = refusal([*names, *other])
    offered = [part.split("' (")[0] for part in message.split("holds '")[1].split(", '")]
    assert sorted(map(tuple, (order([*names, *other], pattern=p) for p in offered))) == sorted(
        map(tuple, (names, other))
    )


# Names of programs

ATLAS = [f"slice_{k:05d}_z={0.01 * k:.4f}um.tif" for k in range(120)]


@pytest.mark.parametrize(
    "names",
    [
        ATLAS,
        [f"slice_{k:04d}.tif" for k in N],
        [f"s{k}.tif" for k in N],
        [f"SEM Image 1 - SliceImage - {k:03d}.tif" for k in N],
        [f"z{k - 6}.tif" for k in N],
        [f"z_{0.25 * k:g}um.tif" for k in N],
        [f"z_{0.25 * k:g}um.tif".replace(".", ",", 1) if k % 4 else f"z_{k // 4}um.tif" for k in N],
        [f"s_{2 * k:04d}.tif" for k in N],
        [f"s_{10 * k:04d}nm.tif" for k in N],
        [f"s_{k:04d}.{'tif' if k % 2 else 'TIFF'}" for k in N],
        [f"{'S' if k % 2 else 's'}_{k:04d}.tif" for k in N],
        [f"HPC30_v1.2.3_{k:03d}.tif" for k in N],
        [f"film2.{k:04d}.tif" for k in N],
        [f"s{k}of12.tif" for k in N],
        [f"{k}.tif" for k in N],
        [f"scan 1.{k}.tif" for k in range(1, 13)],
        [f"img-{k:03d}.tif" for k in N],
        [f"s{k:03d}_z=-{k * 0.01:.2f}um.tif" for k in range(1, 10)],
        [f"s{k:03d}_20240115_2359{50 + k}.tif" for k in range(10)]
        + [f"s{k:03d}_20240116_0000{k - 10:02d}.tif" for k in range(10, 20)],
        [f"s{k:02d}_2024-01-15_{9 + 3 * (k > 5):02d}0{k % 6}00.tif" for k in N],  # with a break
        [f"s_{k:04d}.tif".translate({48 + n: 0xFF10 + n for n in range(10)}) for k in N],
        ["s1_z0.tif", "s2_z50.tif", "s3_z100.tif"],
        ["only5.tif"],
        ["s7.tif", "s8.tif"],
        [f"2024-01-15 {h}.30.00 {m}M.tif" for h, m in (("11", "A"), ("12", "P"), ("01", "P"))],
        ["Gro\u0308\u00dfe1.tif", "Gr\u00f6\u00dfe2.tif"],  # umlauts of two systems
    ],
)  # fmt: skip
def test_numbers_that_run(names):
    assert order(names) == names


CHANNELS = [f"img_{k}_ch{c}.tif" for k in N for c in (0, 1)]
SECOND = [f"img_{k}_ch1.tif" for k in N]
MASKS = [f"s_{k}{m}.tif" for k in N for m in ("", "_m")]
DAYS = [f"d{k // 6}_{k:02d}.tif" for k in N]
TIMES = [f"2024-01-15_{10 + k * 7 // 60}{k * 7 % 60:02d}{k * 13 % 60:02d}.tif" for k in N]


@pytest.mark.parametrize(
    ("names", "pattern", "picked"),
    [
        (CHANNELS, "img_#_ch1.tif", SECOND),
        (CHANNELS, "*_ch1.tif", SECOND),
        (MASKS, "s_#.tif", [f"s_{k}.tif" for k in N]),
        (MASKS, "S_??????", ["s_10.tif", "s_11.tif"]),
        (TIMES, "2024*_@.tif", TIMES),
        ([f"d{k // 6}_{k % 6}.tif" for k in N], "d@.tif", [f"d{k // 6}_{k % 6}.tif" for k in N]),
        (DAYS, "d*_#.tif", DAYS),
        (["left7.tif", "right.tif", "under.tif"], "@.tif", ["left7.tif", "right.tif", "under.tif"]),
        ([f"a[#]{k}.tif" for k in N] + ["b.tif"], "a[[][#]]#.tif", [f"a[#]{k}.tif" for k in N]),
        ([f"z_-{k}.tif" for k in N], "z_-#.tif", [f"z_-{k}.tif" for k in N]),
        ([f"t{k * k:03d}.tif" for k in N], "t@.tif", [f"t{k * k:03d}.tif" for k in N]),
        ([f"v1.{k}.tif" for k in N], "v1.#.tif", [f"v1.{k}.tif" for k in N]),
        ([f"s{k}.tif" for k in (1, 2, 4)], "s#.tif", ["s1.tif", "s2.tif", None, "s4.tif"]),
    ],
)  # fmt: skip
def test_a_pattern_picks_a_series(names, pattern, picked):
    assert order(names, pattern=pattern) == picked


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*ATLAS[:12], "MAX.tif"], r"z=0.#um.tif' \(12 files\), MAX.tif; `pattern` picks"),
        (CHANNELS, r"'img_#_ch\d.tif' \(12 files\), 'img_#_ch"),
        (DAYS, r"'d\d_#.tif' \(6 files\), 'd\d_#.tif' \(6 files\)"),
        (["left.tif", "right.tif"], r"must fit one name pattern, but film holds"),
        (["s1.tif", "s01.tif", "s2.tif"], r"must occur once, but film holds s01.tif and s1.tif"),
        (["S1.tif", "s1.tif", "s2.tif"], r"must occur once"),
        ([f"z_-{k}.tif" for k in range(1, 9)], r"must read in one way.*pattern='z_-#.tif'"),
        (TIMES, r"even steps.*pattern='@.tif'"),
        ([f"s_{2 * k}.tif" for k in N] + ["s_7.tif"], r"s_6.tif and s_7.tif in film .*'s_@.tif'"),
        (["s1.tif", "s3.tif"], r"even steps.*pattern='s@.tif'"),
        ([f"z={9 - k}_{k}.tif" for k in range(9)], r"grow together, but in film z=\d_\d.tif and"),
        ([f"s{k}_z{k * 50 + 50 * (k > 4)}.tif" for k in N], r"must agree.*pattern='s#_z\*.tif'"),
        ([f"s{k}of13.tif" for k in N], r"film has 12 of 13, such as s0of13.tif; `pattern` with #"),
        ([f"2024-01-15 {k or 12:02d}.00.00 AM.tif" for k in N], r"must read in one way"),
        ([f"s{k}.tif" for k in (*N, 200)], r"188 are missing between s11.tif and s200.tif"),
        ([f"a{h}{k}.tif" for k in range(1, 9) for h in ("-", "")], r"'a-#.tif' \(8 files\)"),
        (["3fa8_0.tif", "91bc_1.tif", "77aa_2.tif", "0c1d_3.tif", "e5f6_4.tif"], r"and 1 more"),
        (["~$slice_0001.tif", *(f"slice_{k:04d}.tif" for k in N)], r"~\$slice_0001.tif"),
    ],
)  # fmt: skip
def test_what_is_no_single_series_is_named(names, message):
    with pytest.raises(UserError, match=message):
        order(names)


def test_a_pattern_that_fits_nothing_is_said():
    assert "x#.tif fits none of the 12 in film, such as s0.tif" in refusal(
        [f"s{k}.tif" for k in N], pattern="x#.tif"
    )


def test_lost_names_are_written_like_the_others():
    assert numbered([*ATLAS[:5], *ATLAS[6:9]], "film").names == tuple(ATLAS[:9])
    names = ["s0um.tif", "s0.1um.tif", "s0.15um.tif", "s0.2um.tif"]
    assert numbered(names, "film").names == ("s0um.tif", "s0.05um.tif", *names[1:])
