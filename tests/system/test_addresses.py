"""Addresses: drivers get what people mean, and nobody sees a password."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from fibsem.system.addresses import as_url, database_file, hidden, secrets_of

PATHS = ["50 %", "a#b", "a?b", "x%41y", "Größe (2)", "a{b}", "it's", 'say "x"', "a=b&c;d", "a@b:c"]
WORDS = st.text(st.characters(exclude_characters="\0%", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("name", PATHS)
def test_a_database_lies_where_its_address_says(tmp_path, name):
    (tmp_path / name).mkdir()
    file = tmp_path / name / f"{name}.db"
    address = f"sqlite:///{file}"
    engine = create_engine(as_url(address))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE there (x INTEGER)"))
    engine.dispose()
    assert database_file(address) == file
    with sqlite3.connect(file) as found:
        assert found.execute("SELECT name FROM sqlite_master").fetchall() == [("there",)]
    found.close()
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_options_of_a_database_stay_options(tmp_path):
    address = f"sqlite:///{tmp_path / 'a.db'}?timeout=60"
    assert database_file(address) == tmp_path / "a.db"
    assert make_url(as_url(address)).query == {"timeout": "60"}


@given(WORDS)
@example("p@ss")
@example("pa/ss?x=1#2")
@example("a@b/c?d=e@f")
def test_a_driver_gets_the_password(password):
    url = make_url(as_url(f"postgresql://me:{password}@host:5432/runs?sslmode=require"))
    assert (url.username, url.password, url.host, url.port) == ("me", password, "host", 5432)
    assert (url.database, url.query) == ("runs", {"sslmode": "require"})
    assert as_url(as_url(f"http://me:{password}@host:5000")) == as_url(
        f"http://me:{password}@host:5000"
    )


@pytest.mark.parametrize("option", ["user=me@there", "password=p@ss", "password=a@b/c@d&x=1"])
def test_an_option_may_hold_what_ends_a_password(option):
    address = f"postgresql://host:5432/runs?{option}"
    assert make_url(as_url(address)).host == "host"
    assert "p@ss" not in hidden(address)
    assert "a@b" not in hidden(address)


@given(WORDS.filter(lambda word: len(word) > 3))
@example("p@ss")
@example("a@b/c?d=e@f")
def test_a_hidden_address_has_no_password(password):
    for address in (f"postgresql://me:{password}@host/runs", as_url(f"http://me:{password}@host")):
        assert hidden(address) in ("postgresql://me:***@host/runs", "http://me:***@host")
        assert password in secrets_of(address)


def test_passwords_among_options_are_hidden():
    address = "postgresql://host/runs?user=me&password=pw&sslmode=require&sslpassword=two"
    assert (
        hidden(address)
        == "postgresql://host/runs?user=me&password=***&sslmode=require&sslpassword=***"
    )
    assert secrets_of(address) == {"pw", "two"}


@pytest.mark.parametrize(
    "option", ["api_key", "apikey", "access_key", "AccountKey", "pass", "passphrase", "sig",
               "X-Amz-Signature", "X-Amz-Credential", "access_token", "client_secret", "api-key",
               "pw", "sas", "auth"],
)  # fmt: skip
def test_services_call_their_passwords_differently(option):
    address = f"https://host:5000/runs?user=me&{option}=hunter2&sslmode=require"
    assert hidden(address) == address.replace("hunter2", "***")
    assert secrets_of(address) == {"hunter2"}


@pytest.mark.parametrize(
    "address", ["postgresql://host/runs?keepalives_idle=30&application_name=key&passive=1&tokenizer=bert&key=true",
                "models:/fibsem@champion", "sqlite:///a@b.db", "postgresql://me@host/runs",
                "http://host:5000", "journal:me:you@there"],
)  # fmt: skip
def test_where_there_is_no_password_nothing_is_hidden(address):
    assert hidden(address) == address
    assert secrets_of(address) == set()
