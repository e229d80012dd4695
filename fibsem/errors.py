"""The one exception that a user can mend."""


class UserError(Exception):
    """Something the user can mend: bad value, missing file, impossible geometry.

    The message is one line: the constraint, then the value, then the choices. Commands print it and
    exit with code 2; every other exception is a bug and keeps its traceback.
    """
