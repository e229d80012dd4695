"""Keras settings that are required to build or load a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fibsem.errors import UserError

#: Required settings by the name of their function in ``keras.config``.
SETTINGS = {
    "backend": "tensorflow",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "dtype_policy": "float32",
}


def require_settings() -> None:
    """Check that no other code in this process changed Keras settings, which would change networks.

    Configuration files and environment variables have no effect, see
    :func:`fibsem.system.libraries.settle`.

    Raises
    ------
    UserError
        If a value differs from :data:`SETTINGS`.
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
    """Build layers in this context with ``float32`` or ``bfloat16`` maps, and float32 weights."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
