"""Tables of thickness as spreadsheets write them."""

import numpy as np
import pytest

from fibsem.errors import UserError
from fibsem.quantification.slices import other_mean, read_thickness

PLAIN = "z,nm\n0,10.5\n1,20\n2,30\n"
TABLES = {
    "plain": PLAIN.encode(),
    "a mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "of Windows": b"z,nm,Gr\xf6\xdfe\n0,10.5,\n1,20,\n2,30,\n",
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ",").encode(),
    "quotes": b'"z","nm"\r\n"0","10,5"\r\n"1","20"\r\n"2","30"\r\n',
    "upper case": PLAIN.upper().encode(),
    "spaces": PLAIN.replace(",", " , ").encode(),
    "a remark": b"# from the log of the microscope\n" + PLAIN.encode(),
    "sep=": b"sep=,\n" + PLAIN.encode(),
    "empty rows": PLAIN.replace("\n", "\n,\n\n").encode(),
    "another order": b"nm,z\n30,2\n10.5,0\n20,1\n",
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_of_spreadsheets_are_read(tmp_path, content):
    (tmp_path / "nm.csv").write_bytes(content)
    assert read_thickness(tmp_path / "nm.csv", 3).tolist() == [10.5, 20.0, 30.0]


@pytest.mark.parametrize("nm", ["1_0", "0x10", "10 nm", "1,000", "", "nan", "inf", "-10", "1e-9"])
def test_what_is_no_thickness_is_refused_by_its_line(tmp_path, nm):
    (tmp_path / "nm.csv").write_text(f"z;nm\n0;{nm}\n1;20\n2;30\n")
    with pytest.raises(UserError, match=r"line 2 of|slice 0 of"):
        read_thickness(tmp_path / "nm.csv", 3)


def test_a_drift_is_a_thickness_and_depths_are_none(tmp_path):
    drift = np.linspace(10, 14, 100)
    for nm, legal in ((drift, True), (drift[::-1], True), (12 * np.arange(1, 101), False)):
        lines = [f"{z},{value}" for z, value in enumerate(nm)]
        (tmp_path / "nm.csv").write_text("\n".join(["z,nm", *lines]))
        if legal:
            assert read_thickness(tmp_path / "nm.csv", 100) == pytest.approx(nm)
        else:
            with pytest.raises(UserError, match="from 12 to 1200 nm, one way from slice to slice"):
                read_thickness(tmp_path / "nm.csv", 100)
    for nm, z_nm in ((1500 + 50 * np.arange(16), 50.0), (50 * np.arange(1, 6), None)):
        lines = [f"{z},{value}" for z, value in enumerate(nm)]
        (tmp_path / "nm.csv").write_text("\n".join(["z,nm", *lines]))
        with pytest.raises(UserError, match="one way from slice to slice, as depths do"):
            read_thickness(tmp_path / "nm.csv", len(nm), z_nm)
    assert other_mean(drift, None) is other_mean(drift, 12.5) is None
    assert "12 nm thick on average" in other_mean(drift, 10.0)
