"""Passwords in the command line that a command keeps."""

from urllib.parse import quote

from fibsem.config import command_line

WORDS = [
    "secret",
    "p@ss",
    "pa/ss",
    "p?ss",
    "p:ss",
    "p ss",
    "p'ss",
    'p"ss',
    "p@s/s",
    "pä#ss",
    "(p)s",
]
PLACES = {
    "search.storage": "postgresql://me:{}@host:5432/runs",
    "tracking.uri": "http://me:{}@host:5000",
}


def inputs():
    for key, address in PLACES.items():
        for word in WORDS:
            for form in (word, quote(word, safe="")):
                override = f"{key}={address.format(form)}"
                yield override, lambda o=override, f=form: f not in command_line("sweep", [o])
    for option in ("password", "sslpassword", "token"):
        override = f"search.storage=postgresql://host/runs?{option}=hunter2&x=1"
        yield override, lambda o=override: "hunter2" not in command_line("sweep", [o])
