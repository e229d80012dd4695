"""Folders of studies, and passwords in addresses, which drivers take for something else.

An address is opened without a sweep.
"""

from films import place

from fibsem.errors import UserError
from fibsem.search import open_storage

FOLDERS = [
    "plain", "50 %", "a#b", "a?b", "x%41y", "Größe (2)", "a{b}", "it's", 'say "x"', "a=b&c;d",
    "a@b:c", "2024_01_15", "[a]", " ", "a\\b", "a+b",
]  # fmt: skip
PASSWORDS = ["pw!secret", "p@ss", "pa/ss", "p?ss", "p#ss", "p:ss", "p&s=s", "pä ss", "p%ss", "p'ss"]


def lies(name):
    def right():
        home = place()
        folder = home / name
        folder.mkdir(parents=True)
        storage = open_storage(None, folder)
        storage.remove_session()
        made = {path.relative_to(home).parts[0] for path in home.rglob("*.db")}
        return (folder / "study.db").is_file() and made == {name}

    return right


def hides(address, password):
    """Return a check that the error for an unreachable address does not contain the password."""

    def right():
        try:
            open_storage(address, place())
        except UserError as error:
            if password in str(error) or "127.0.0.1:9" not in str(error):
                return False
            raise
        return False

    return right


def inputs():
    for name in FOLDERS:
        yield f"study in {name}", lies(name)
    for word in PASSWORDS:
        yield f"password {word}", hides(f"postgresql://me:{word}@127.0.0.1:9/runs", word)
        address = f"postgresql://127.0.0.1:9/runs?user=me&password={word.replace('#', '')}"
        yield f"option {word}", hides(address, word.replace("#", ""))
