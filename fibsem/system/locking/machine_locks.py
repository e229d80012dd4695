"""Lock files that all users of a machine share, in a folder that everybody may write to."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from fibsem.system.cache import user_cache

#: Folders for it, in the order of preference, which is the same for every user.
PUBLIC = ("/run/lock", "/var/lock", "/var/tmp", "/tmp")
#: Flags to open a file for its lock, but not through a link of another user.
OPEN = os.O_RDWR | os.O_NOFOLLOW


def machine_lock(name: str) -> Path:
    """Return the path of a lock file that all users of the machine share.

    Without a folder for it, or if the file is not for everybody, it is a file of this user.
    """
    folder = next(filter(_is_public, map(Path, PUBLIC)), None)
    if folder is not None:
        path = folder / f"fibsem-{name}.lock"
        # never the next folder: another user, who can make the file here, would hold another lock
        with suppress(OSError):
            _make(path)
            return path
    return user_cache() / "locks" / name


def _is_public(folder: Path) -> bool:
    """Return whether everybody may create files in a folder, and only remove those of their own.

    This depends on the folder only: with different folders two users would have different locks.
    """
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return bool(mode & stat.S_IWOTH and mode & stat.S_ISVTX)


def _make(path: Path) -> None:
    """Create a file that every user may lock, or check that it is one.

    Raises
    ------
    OSError
        If it is a link, or not for everybody.
    """
    if not path.is_symlink() and not path.exists():
        new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        file = os.open(new, OPEN | os.O_CREAT | os.O_EXCL)
        try:
            os.fchmod(file, 0o666)  # whatever the umask, and before others see it
            with suppress(FileExistsError):
                os.link(new, path)
        finally:
            os.close(file)
            new.unlink()
    os.close(os.open(path, OPEN))
