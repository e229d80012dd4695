"""Databases in files by addresses in other forms, and passwords as services call them.

Right is one line that explains the form of an address, and a password that is not shown.
"""

from films import place
from kinds.addresses import open_storage
from kinds.samples import Tracking, TrackingConfig

from fibsem.config import SearchConfig, command_line

#: Addresses of SQLite in another form than ``sqlite:///PATH``.
ODD = [
    "sqlite+pysqlite:///x.db", "sqlite://", "sqlite:///", "sqlite:///?timeout=9",
    "sqlite:///:memory:", "sqlite:x.db", "SQLITE:///x.db", "sqlite+pysqlite://",
]  # fmt: skip
OPTIONS = [
    "password", "pass", "passphrase", "pwd", "api_key", "apikey", "access_key", "AccountKey", "sig",
    "X-Amz-Signature", "X-Amz-Credential", "access_token", "client_secret", "sslpassword",
]  # fmt: skip


def opened(search):
    return open_storage(search.storage, place())


def inputs():
    for address in ODD:
        there = address.replace("x.db", f"{place()}.db")
        yield f"tracking {address}", lambda a=there: Tracking.open(TrackingConfig(a), "x") is None
        yield f"storage {address}", lambda a=there: opened(SearchConfig(storage=a)) is None
    for option in OPTIONS:
        for key, address in (("search.storage", "postgresql://host/runs"),
                             ("tracking.uri", "https://host/runs")):  # fmt: skip
            override = f"{key}={address}?{option}=hunter2&x=1"
            yield override, lambda o=override: "hunter2" not in command_line("sweep", [o])
