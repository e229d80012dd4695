"""Addresses of databases and servers as people write them, and as their drivers must see them.

``sqlite:///PATH`` holds a path as it is; ``scheme://user:password@host/name?option=value`` a
password with whatever is in it. A driver wants both percent-encoded.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

from fibsem.system.home import home_path

SQLITE = "sqlite:///"
#: What an address of SQLite begins with, in whatever form.
OF_SQLITE = re.compile(r"sqlite(?:\+\w*)?:", re.IGNORECASE)
#: Options that SQLite's driver takes behind a question mark; all else belongs to the path.
OPTIONS = re.compile(r"\?(?:(?:timeout|mode|cache|nolock|immutable|isolation_level)=[^&?]*&?)+$")
#: A user and a password up to the last ``@``: behind it there is a host, where %40 stands for one.
LOGIN = re.compile(
    r"(?P<scheme>(?:[\w+.-]+:)+//)(?P<user>[^:/?]*):(?P<password>.+)@(?P<place>[^@]*)", re.DOTALL
)
#: What is no password but a port, where there is an ``@`` in an option.
PORT = re.compile(r"\d{1,5}(?:/[^?]*)?\?\w+=")
#: Options of an address that are secrets, with their values.
SECRET = re.compile(
    r"(?<=[?&])(?P<key>[\w-]*(?:passw|passphrase|pwd|secret|token(?!i)|credential|signature"
    r"|(?:api|access|account|private)[_-]?key)[\w-]*|pass|pw|sig|sas|auth)=(?P<value>[^&]*)",
    re.IGNORECASE,
)
HIDDEN = "***"
#: What an address begins with, and no path of this machine.
SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")


def database_file(address: str) -> Path | None:
    """The file of an SQLite address, where ``~/`` is home; None where the address is another one.

    >>> database_file("sqlite:///runs #1/50 %.db"), database_file("http://host:5000")
    (PosixPath('runs #1/50 %.db'), None)
    """
    if not address.startswith(SQLITE):
        return None
    return home_path(OPTIONS.sub("", address.removeprefix(SQLITE)))


def is_database(address: str) -> bool:
    """Whether an address is one of a database, and not of a server that asks one.

    >>> is_database("sqlite:///a.db"), is_database("postgresql+psycopg://h/db")
    (True, True)
    >>> is_database("http://h:5000")
    False
    """
    return re.match(r"(postgresql|mysql|mssql|sqlite)(\+\w+)?:", address) is not None


def names_no_file(address: str) -> bool:
    """Whether an address is one of SQLite in another form than ``sqlite:///PATH``.

    With a driver's name our locks and checks would not know its file, and without a file each
    process has a database of its own.

    >>> addresses = "sqlite+pysqlite:///a.db", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db"
    >>> [names_no_file(address) for address in addresses]
    [True, True, True, False]
    """
    if not OF_SQLITE.match(address):
        return False
    file = OPTIONS.sub("", address.removeprefix(SQLITE))
    return not address.startswith(SQLITE) or file in ("", ":memory:")


def is_address(text: str) -> bool:
    """Whether a text is an address of another place, which as a path would be a folder ``s3:``.

    >>> [is_address(text) for text in ("s3://bucket/runs", "file:///runs", "runs/a:b", "12:30")]
    [True, True, False, False]
    """
    return SCHEME.match(text) is not None


def absolute(address: str) -> str:
    """An address of an SQLite file that means the same wherever a process goes; others as they are.

    >>> absolute("sqlite:////data/50 %.db?timeout=9"), absolute("http://host:5000")
    ('sqlite:////data/50 %.db?timeout=9', 'http://host:5000')
    """
    file = database_file(address)
    if file is None:
        return address
    options = OPTIONS.search(address)
    return f"{SQLITE}{file.absolute()}{options[0] if options else ''}"


def as_url(address: str) -> str:
    """An address as a driver must see it.

    >>> as_url("postgresql://me:p@ss/word@host:5432/runs?sslmode=require")
    'postgresql://me:p%40ss%2Fword@host:5432/runs?sslmode=require'
    >>> as_url("sqlite:///runs #1/50 %.db")
    'sqlite:///runs%20%231/50%20%25.db'
    """
    file = database_file(address)
    if file is not None:
        options = OPTIONS.search(address)
        return SQLITE + quote(str(file)) + (options[0] if options else "")
    login = LOGIN.fullmatch(address)
    if login is None:
        return address
    if PORT.match(login["password"]):
        place, _, given = address.partition("?")
        return f"{place}?{given.replace('@', '%40')}"
    user, password = (quote(unquote(login[part]), safe="") for part in ("user", "password"))
    return f"{login['scheme']}{user}:{password}@{login['place']}"


def hidden(address: str) -> str:
    """An address without its password, to be shown.

    >>> hidden("postgresql://me:p@ss@host/runs"), hidden("postgresql://host/runs?password=pw")
    ('postgresql://me:***@host/runs', 'postgresql://host/runs?password=***')
    """
    if "://" in address:
        address = SECRET.sub(rf"\g<key>={HIDDEN}", address)
    login = LOGIN.fullmatch(address)
    if login is None:
        return address
    return f"{login['scheme']}{login['user']}:{HIDDEN}@{login['place']}"


def secrets_of(address: str) -> set[str]:
    """The passwords in an address, as they are written and as they are meant."""
    login = LOGIN.fullmatch(address)
    secrets = {login["password"]} if login is not None else set()
    if "://" in address:
        secrets |= {option["value"] for option in SECRET.finditer(address) if option["value"]}
    meant = {unquote(text) for text in secrets}
    return secrets | meant | {quote(text, safe="") for text in meant}
