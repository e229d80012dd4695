"""Convert addresses of databases and servers from users' notation to what drivers expect.

``sqlite:///PATH`` contains a path as it is, ``scheme://user:password@host/name?option=value`` a
password with any characters. Drivers expect both percent-encoded.
"""

from __future__ import annotations

import html
import json
import re
import socket
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from fibsem.system.home import home_path

SQLITE = "sqlite:///"
#: Beginning of an SQLite address, with or without the name of a driver.
OF_SQLITE = re.compile(r"sqlite(?:\+\w*)?:", re.IGNORECASE)
#: Options that SQLite's driver takes after a question mark; other text belongs to the path.
OPTIONS = re.compile(r"\?(?:(?:timeout|mode|cache|nolock|immutable|isolation_level)=[^&?]*&?)+$")
#: User and password, up to the last ``@``; the rest holds no ``@``, only ``%40`` in its place.
LOGIN = re.compile(
    r"(?P<scheme>(?:[\w+.-]+:)+//)(?P<user>[^:/?]*):(?P<password>.+)@(?P<place>[^@]*)", re.DOTALL
)
#: A port that looks like a password because an option contains an ``@``.
PORT = re.compile(r"\d{1,5}(?:/[^?]*)?\?\w+=")
#: Options of an address whose values are secrets.
SECRET = re.compile(
    r"(?<=[?&])(?P<key>[\w-]*(?:passw|passphrase|pwd|secret|token(?!i)|credential|signature"
    r"|(?:api|access|account|private)[_-]?key)[\w-]*|pass|pw|sig|sas|auth)=(?P<value>[^&]*)",
    re.IGNORECASE,
)
HIDDEN = "***"
#: Beginning of an address, which a local path does not have.
SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")
#: Names of this machine, and ports that an address need not state.
LOOPBACK = ("localhost", "::1")
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def database_file(address: str) -> Path | None:
    """Return the file of an SQLite address with ``~/`` expanded, or None for other addresses.

    >>> database_file("sqlite:///runs #1/50 %.db"), database_file("http://host:5000")
    (PosixPath('runs #1/50 %.db'), None)
    """
    if not address.startswith(SQLITE):
        return None
    return home_path(OPTIONS.sub("", address.removeprefix(SQLITE)))


def lacks_file(address: str) -> bool:
    """Return whether the file of an SQLite address does not exist; MLflow would create it.

    >>> lacks_file("sqlite:///nowhere/mlflow.db"), lacks_file("http://host:5000")
    (True, False)
    """
    file = database_file(address)
    return file is not None and not file.is_file()


def is_database(address: str) -> bool:
    """Return whether an address names a database, and not a tracking server.

    >>> is_database("sqlite:///a.db"), is_database("postgresql+psycopg://h/db")
    (True, True)
    >>> is_database("http://h:5000")
    False
    """
    return re.match(r"(postgresql|mysql|mssql|sqlite)(\+\w+)?:", address) is not None


def names_no_file(address: str) -> bool:
    """Return whether an SQLite address has another form than ``sqlite:///PATH``.

    With a driver's name, locks and checks would not recognise its file; without a file, each
    process would have a database of its own.

    >>> addresses = "sqlite+pysqlite:///a.db", "sqlite://", "sqlite:///:memory:", "sqlite:///a.db"
    >>> [names_no_file(address) for address in addresses]
    [True, True, True, False]
    """
    if not OF_SQLITE.match(address):
        return False
    file = OPTIONS.sub("", address.removeprefix(SQLITE))
    return not address.startswith(SQLITE) or file in ("", ":memory:")


def is_address(text: str) -> bool:
    """Return whether a text is an address with a scheme; as a path it would be a folder ``s3:``.

    >>> [is_address(text) for text in ("s3://bucket/runs", "file:///runs", "runs/a:b", "12:30")]
    [True, True, False, False]
    """
    return SCHEME.match(text) is not None


def absolute(address: str) -> str:
    """Make the path in an SQLite address absolute; return other addresses unchanged.

    >>> absolute("sqlite:////data/50 %.db?timeout=9"), absolute("http://host:5000")
    ('sqlite:////data/50 %.db?timeout=9', 'http://host:5000')
    """
    file = database_file(address)
    if file is None:
        return address
    options = OPTIONS.search(address)
    return f"{SQLITE}{file.absolute()}{options[0] if options else ''}"


def as_url(address: str) -> str:
    """Return an address as drivers expect it, with path or password percent-encoded.

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
        base, _, query = address.partition("?")
        return f"{base}?{query.replace('@', '%40')}"
    user, password = (quote(unquote(login[group]), safe="") for group in ("user", "password"))
    return f"{login['scheme']}{user}:{password}@{login['place']}"


def server_of(address: str) -> str:
    """Return which server an address is of, and what on it.

    Login, options and the driver of a database are left out. Of this machine, ``localhost``, its
    addresses and its name are one; names of other machines are not looked up.

    >>> server_of("http://me:secret@LocalHost:5000/") == server_of("http://127.0.0.1:5000")
    True
    >>> server_of("postgresql+psycopg2://me@Host/runs?sslmode=require")
    'postgresql://host:5432/runs'
    """
    split = urlsplit(as_url(address))
    scheme, host = split.scheme.partition("+")[0], (split.hostname or "").rstrip(".")
    if host in LOOPBACK or host.startswith("127.") or host == socket.gethostname().lower():
        host = ""
    return f"{scheme}://{host}:{split.port or PORTS.get(scheme, '')}{split.path.rstrip('/')}"


def hidden(address: str) -> str:
    """Return an address with its passwords replaced by ``***``, for messages.

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
    """Return the passwords in an address: as written, decoded, and as other texts write them.

    >>> sorted(secrets_of("http://me:p/w<@host"))
    ['p%2Fw%3C', 'p/w%3C', 'p/w&lt;', 'p/w<']
    """
    login = LOGIN.fullmatch(address)
    secrets = {login["password"]} if login is not None else set()
    if "://" in address:
        secrets |= {option["value"] for option in SECRET.finditer(address) if option["value"]}
    meant = {unquote(text) for text in secrets}
    return {written for text in secrets | meant for written in _written(text)}


def _written(text: str) -> set[str]:
    """Return a text in addresses, messages of Python, JSON and HTML."""
    python = (repr(text)[1:-1], repr('"' + text)[2:-1])  # within double or single quotes
    json_texts = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    pages = (html.escape(text), html.escape(text, quote=False))
    return {text, quote(text, safe=""), quote(text), *python, *json_texts, *pages}
