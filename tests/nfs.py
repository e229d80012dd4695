"""Locks as Linux gives them over NFS: of the bytes of a file, for each time that it is opened."""

import fcntl
import os
import struct

KINDS = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_EX: fcntl.F_WRLCK}


def flock(file, operation):
    """As ``fcntl.flock``; of what is not open for reading and for writing not every kind."""
    kind = KINDS[operation & ~fcntl.LOCK_NB]
    wait = fcntl.F_OFD_SETLK if operation & fcntl.LOCK_NB else fcntl.F_OFD_SETLKW
    fcntl.fcntl(file, wait, struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0))
