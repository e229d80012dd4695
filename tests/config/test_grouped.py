"""Keys in the group of their sampler: typed so or as before, they are one setting."""

import pytest

from fibsem.config import SearchConfig, compose, flat, output_folder, read, settings_of
from fibsem.config.grouped import GROUPED
from fibsem.errors import UserError


@pytest.mark.parametrize(("grouped", "former"), GROUPED.items())
def test_both_spellings_are_one_setting_and_the_former_is_said(grouped, former, capsys):
    now = compose("sweep", [f"{grouped}=7"])
    assert capsys.readouterr().out == ""
    before = compose("sweep", [f"{former}=7"])
    assert capsys.readouterr().out == f"`{former}` is `{grouped}` now; both are accepted.\n"
    assert before == now
    assert dict(flat(now))[former] == 7
    assert settings_of("sweep", now)[former] == 7
    assert f"{grouped}=7" in now["command"]


def test_nothing_else_is_in_a_group_and_folders_are_named_alike():
    tree = compose("sweep", [])
    assert not any(key.count(".") > 1 for key, _ in flat({"search": tree["search"]}))
    old, new = (
        output_folder("sweep", compose("sweep", [f"search.{key}=9"]), "phantom").name
        for key in ("grid_points", "grid.points")
    )
    assert old == new != output_folder("sweep", tree, "phantom").name
    assert compose("simulate", []).get("search") is None


@pytest.mark.parametrize(("grouped", "least"), [("search.nsga2.population", 2),
                                                ("search.patient.patience", 1)])  # fmt: skip
def test_a_value_is_refused_by_the_name_that_people_type(grouped, least):
    tree = compose("sweep", [f"{grouped}=0"])
    with pytest.raises(UserError, match=rf"`{grouped}` must be at least {least}, but got 0"):
        read(SearchConfig, tree["search"], "search")
