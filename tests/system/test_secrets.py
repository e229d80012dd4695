"""No password is kept or said, whatever is in it."""

import ast
import html
import json
import os
import subprocess
import sys
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fibsem.config import Configuration, compose
from fibsem.errors import UserError
from fibsem.system import secrets
from fibsem.system.addresses import as_url
from fibsem.system.files import read_json, replace_file, write_json

PASSWORDS = st.text(
    st.characters(exclude_characters="\0%", exclude_categories=["Cs"]), min_size=secrets.SHORTEST
)
ADDRESSES = (
    "postgresql://me:{}@host:5432/runs",
    "http://me:{}@host",
    "postgresql://host/runs?password={}&sslmode=require",
)
#: How texts are written within others, and how they are read again.
FORMS = (
    (repr, ast.literal_eval),
    (json.dumps, json.loads),
    (partial(json.dumps, ensure_ascii=False), json.loads),
    (html.escape, html.unescape),
)


def forget_all():
    secrets._addresses.clear()
    secrets._words.clear()
    secrets._others.clear()


@pytest.fixture
def forget():
    yield
    forget_all()


@given(PASSWORDS)
@example("p@ss")
@example("pa/ss")
@example("a'b\"c\\d")
@example("a@b/c?d=e@f#g")
@example("host")
@pytest.mark.usefixtures("forget")
def test_no_password_is_kept_or_said(password):
    forget_all()  # those of the examples before
    plain = [form.format(password) for form in ADDRESSES[:2]]
    given = [*plain, *map(as_url, plain), ADDRESSES[2].format(quote(password, safe=""))]
    without = [form.format("***") for form in (*ADDRESSES[:2], *ADDRESSES)]
    for address in given:
        secrets.remember(address)
    assert secrets.in_record(given) == without
    assert secrets.in_record({"command": f"sweep {given[0]} a"}) == {
        "command": f"sweep {without[0]} a"
    }
    for form in (password, quote(password, safe="")):
        assert secrets.in_message(f"\0{form}\0") == "\0***\0"


@given(PASSWORDS)
@example("a'b\"c\\d")
@example("a&b<c")
@example("ü\n'x")
@pytest.mark.usefixtures("forget")
def test_no_password_is_said_by_messages_that_quote_it(password):
    """Messages of Python, JSON and pages write quotes, backslashes, ``&`` and umlauts anew."""
    assume(password not in "***")
    forget_all()
    secrets.remember(ADDRESSES[0].format(password))
    for before in ("", "'", '"', "'\""):
        for write, read in FORMS:
            assert password not in read(secrets.in_message(write(f"| {before}{password} |")))


@pytest.mark.usefixtures("forget")
def test_a_short_password_is_no_part_of_words():
    secrets.remember("postgresql://me:pw@host/runs")
    secrets.remember("postgresql://me:12@host/runs")
    assert secrets.in_message("failed with pw: epoch 12, pwd") == "failed with ***: epoch 12, pwd"


@pytest.mark.usefixtures("forget")
def test_a_password_that_is_a_name_stays_a_name_where_it_is_kept():
    secrets.remember("postgresql://fibsem:fibsem@host/fibsem")
    record = {"dataset": "fibsem", "storage": "postgresql://fibsem:fibsem@host/fibsem", "n": 3}
    assert secrets.in_record(record) == {
        "dataset": "fibsem", "storage": "postgresql://fibsem:***@host/fibsem", "n": 3,
    }  # fmt: skip
    assert "fibsem" not in secrets.in_message("fibsem failed")


@pytest.mark.parametrize(
    "argument",
    ["{}", "={}", " {}", "search.storage:{}", "~tracking.uri={}", "search.storage=' {}'", "a=[{}]"],
)
@pytest.mark.usefixtures("forget")
def test_what_nobody_understands_is_told_without_its_password(argument):
    typed = argument.format("postgresql://me:p@ss/word@host/runs")
    secrets.remember_typed([typed])
    assert secrets.in_message(typed) == argument.format("postgresql://me:***@host/runs")


@pytest.mark.parametrize(
    "line",
    [["search.storage=", "{}"], ["search.storage", "={}"], ["search.storage:{}"], [" {}"],
     ["~search.storage={}"], ["serach.storage={}"], ["+serach.storage={}"]],
)  # fmt: skip
@pytest.mark.parametrize("password", ["p@ss/word", "p@ss?x=1#ü:%"])
@pytest.mark.usefixtures("forget")
def test_a_slip_of_the_keyboard_tells_no_password(line, password):
    address = f"postgresql://me:{password}@host/runs"
    with pytest.raises(UserError) as raised:
        compose("sweep", [part.format(address) for part in line])
    assert "p@ss" not in secrets.in_message(str(raised.value))


@pytest.mark.usefixtures("forget")
def test_no_file_has_a_password(tmp_path):
    address = 'postgresql://me:p"\\ü@ss@host/runs'
    secrets.remember(address)
    write_json(tmp_path / "a.json", {"config": [{"uri": address}]})
    replace_file(tmp_path / "a.txt", f"trial failed: {address}\n")
    assert read_json(tmp_path / "a.json") == {"config": [{"uri": "postgresql://me:***@host/runs"}]}
    assert (tmp_path / "a.txt").read_text() == "trial failed: postgresql://me:***@host/runs\n"


GUARDED = """
import logging, sys, warnings
from fibsem.system import secrets
secrets.remember("postgresql://me:s3/cr@t@host/runs")
secrets.guard_output()
secrets.guard_output()
print("to postgresql://me:s3/cr@t@host/runs, größe")
print("said s3/cr@t", file=sys.stderr)
warnings.warn("warned s3%2Fcr%40t")
logging.getLogger("x").error("logged hunter2")
print("asked", sys.stdout.isatty(), sys.stdout.encoding)
raise RuntimeError("crashed s3/cr@t")
"""


def test_what_a_process_says_has_no_password():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PGPASSWORD": "hunter2"}
    line = [sys.executable, "-c", GUARDED]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "to postgresql://me:***@host/runs, gr\\xf6\\xdfe", "asked False ascii",
    ]  # fmt: skip
    for word in ("said ***", "warned ***", "logged ***", "RuntimeError: crashed ***"):
        assert word in done.stderr
    assert "s3" not in done.stderr


#: It never comes to an end of its own: what it keeps to itself is lost.
CUT_OFF = """
import os, sys
from fibsem.system import secrets
secrets.guard_output()
print("waiting for the disk", file=sys.stderr)
os._exit(0)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_a_process_says_is_said_at_once(unbuffered):
    """Containers are often told to buffer nothing."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    line = [sys.executable, "-c", CUT_OFF]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60)
    assert done.stderr == "waiting for the disk\n"


def test_a_command_keeps_what_stands_behind_a_secret():
    """As an address it ended in the secret: what was typed behind it was in no record."""
    line = ["search.storage=postgresql://h/db?user=me&password=pw9", "seed=3", "nbhd=11x11x1"]
    tree = compose("sweep", line)
    Configuration(tree)
    recorded = secrets.in_record(tree)
    assert recorded["command"] == tree["command"]
    assert recorded["command"].endswith("seed=3 nbhd=11x11x1")
    assert "pw9" not in json.dumps(recorded)


@pytest.mark.parametrize(
    ("name", "value", "hides"),
    [("AZURE_STORAGE_ACCESS_KEY", "c2VjcmV0IQ==", True), ("PGPASSWORD", "pw9", True),
     ("https_proxy", "http://me:pa55word@proxy:3128", True), ("CI_USES_TOKEN", "true", False),
     ("TOKENIZERS_PARALLELISM", "disabled", False), ("MY_TOKEN_FILE", "/run/secrets/a", False),
     ("SECRETS_ROOT", "/home/me/films", False), ("DATABASE_URL", "postgres://me:123@db/x", False)],
)  # fmt: skip
def test_passwords_of_the_environment_are_not_said(monkeypatch, name, value, hides):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "_words", set())
    monkeypatch.setattr(secrets, "_others", set())
    secrets.remember_variables()
    said = value.partition("me:")[2].partition("@")[0] or value
    assert (said not in secrets.in_message(f"cannot reach {said} there")) == hides


def test_passwords_of_other_programs_are_no_part_of_words_and_figures(monkeypatch):
    """What people copy, and every figure, is told whole beside those of a compose file."""
    monkeypatch.setattr(secrets, "_others", set())
    monkeypatch.setenv("POSTGRES_PASSWORD", "postgres")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:71234567@db/x")
    secrets.remember_variables()
    told = "mlflow ui --backend-store-uri postgresql://h/runs; mIoU 0.71234567"
    assert secrets.in_message(told) == told
    assert secrets.in_message("it is postgres, 71234567.") == "it is ***, ***."
