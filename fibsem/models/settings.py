"""What Keras must be set to, wherever a network is built or read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fibsem.errors import UserError

#: By the name that ``keras.config`` has for it.
SETTINGS = {
    "backend": "tensorflow",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "dtype_policy": "float32",
}


def require_settings() -> None:
    """Refuse settings that code of others has made in this process: networks would be others.

    Files and variables of other programs have no part in it, see
    :func:`fibsem.system.libraries.settle`.

    Raises
    ------
    UserError
        If one of :data:`SETTINGS` is another.
    """
    import keras

    for name, wanted in SETTINGS.items():
        value = getattr(keras.config, name)()
        value = getattr(value, "name", value)
        if value != wanted:
            way = "import fibsem first" if name == "backend" else f"keras.config.set_{name}"
            raise UserError(
                f"Keras must have the {name} {wanted}, but this process gave it {value}; {way}."
            )


@contextmanager
def maps_in(precision: str) -> Iterator[None]:
    """Build layers whose maps are ``float32`` or ``bfloat16``; weights are float32 anyhow."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
