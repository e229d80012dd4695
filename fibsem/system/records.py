"""Convert between JSON records and typed values; errors name the key and the value."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
#: A JSON object by its keys.
Record = dict[str, Any]
#: Metadata of a field whose key is omitted from the record when its value is None.
UNLESS_NONE = {"unless": None}
#: Most misfits that an error message names.
MOST_NAMED = 3
#: Most characters of a value that an error message shows.
MOST_SHOWN = 40
#: What a value must be, by pydantic's error type.
MUST = {
    "string_type": "a text", "float_type": "a number", "int_type": "a whole number",
    "bool_type": "true or false", "none_required": "null", "dataclass_type": "a mapping",
    "dict_type": "a mapping", "tuple_type": "a list", "list_type": "a list",
}  # fmt: skip


@dataclass(frozen=True)
class WrittenAs:
    """Annotation: the JSON type that a value is written as, and the function that reads it back."""

    shape: Any
    read: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        shape = handler.generate_schema(self.shape)
        return core_schema.no_info_after_validator_function(self.read, shape)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


#: A number that may be NaN: JSON has no NaN, so it is written as null and read back as NaN.
Number = Annotated[float, WrittenAs(float | None, _or_nan)]
#: A figure that may be missing, which is null in JSON and stays None.
Figure = Annotated[float, WrittenAs(float | None, lambda value: value)]
#: Figures by their names.
Figures = dict[str, Figure]


def refuse_unknown_keys(kind: type[T]) -> type[T]:
    """Class decorator: refuse records with unknown keys when reading this dataclass.

    Leaving out a key of a later version would silently change figures.
    """
    kind.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return kind


def typed(kind: type[T], record: object) -> T:
    """Validate a record and convert it to a type by the type's annotations.

    Types are strict: neither strings nor booleans count as numbers. Unknown keys, as a later
    version may write them, are left out, unless :func:`refuse_unknown_keys` decorates the
    dataclass; keys with a default may be missing.

    Raises
    ------
    ValueError
        If the record does not fit; names the keys and values that do not.
    """
    from pydantic import ValidationError

    try:
        return cast(
            T, _adapter(cast(Hashable, kind)).validate_json(json.dumps(record), strict=True)
        )
    except ValidationError as error:
        raise ValueError(_misfits(error)) from error


class Stored:
    """Base class of dataclasses that are stored as JSON by their fields and read by their types.

    A subclass with another record overrides :meth:`to_json`, which is also used where the object
    is a field of another dataclass.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Found(Stored):
    ...     porosity: float
    >>> Found(0.4).to_json(), Found.from_json({"porosity": 0.4, "newer": 1})
    ({'porosity': 0.4}, Found(porosity=0.4))
    """

    def to_json(self) -> Record:
        """Return the record that is stored."""
        return _by_field(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Create an instance from a record of :meth:`to_json`, of this or another version.

        Raises
        ------
        ValueError
            If the record does not fit; names the keys and values that do not.
        """
        return typed(cls, record)


class Keyed(Mapping[str, Any]):
    """Base class of dataclasses that are read by the keys of their record, too.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Found(Keyed):
    ...     porosity: float
    >>> found = Found(0.4)
    >>> found.porosity, found["porosity"], dict(found)
    (0.4, 0.4, {'porosity': 0.4})
    """

    def __getitem__(self, key: str) -> Any:
        return _by_field(self)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_by_field(self))

    def __len__(self) -> int:
        return len(_by_field(self))


def as_record(value: Any) -> Any:
    """Convert dataclasses to JSON-compatible values: dicts by field, and lists for tuples.

    :func:`typed` reads the result back.

    Examples
    --------
    >>> from dataclasses import field
    >>> @dataclass
    ... class Found:
    ...     porosity: float
    ...     warning: str | None = field(default=None, metadata=UNLESS_NONE)
    >>> as_record(Found(0.4)), as_record(Found(0.4, "too few squares"))
    ({'porosity': 0.4}, {'porosity': 0.4, 'warning': 'too few squares'})
    """
    if isinstance(value, Stored):
        return value.to_json()
    if is_dataclass(value):
        return _by_field(value)
    if isinstance(value, Mapping):
        return {key: as_record(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_record(item) for item in value]
    return value


def _by_field(value: Any) -> Record:
    """Return a dataclass as a dict of its fields, without omitted ones (``UNLESS_NONE``)."""
    values = ((entry, getattr(value, entry.name)) for entry in fields(value))
    return {
        entry.name: as_record(item)
        for entry, item in values
        if item is not None or entry.metadata != UNLESS_NONE
    }


def fitting(kind: Any) -> Callable[[Any], Any]:
    """Return a function that validates a record against a type and returns it unchanged."""
    return partial(_checked, kind)


def _checked(kind: Any, record: Any) -> Any:
    typed(kind, record)
    return record


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _misfits(error: ValidationError) -> str:
    """Describe validation errors in words, once per key (a union reports every choice)."""
    misfits: dict[str, str] = {}
    for misfit in error.errors(include_url=False):
        top, *inner = [key for key in map(str, misfit["loc"]) if "[" not in key] or ["it"]
        within = ".".join(inner)
        if misfit["type"] == "value_error":  # raised by the type itself, with its message
            misfits.setdefault(top, misfit["msg"].removeprefix("Value error, "))
            continue
        must = MUST.get(misfit["type"], misfit["msg"].replace("Input should be ", ""))
        got = json.dumps(misfit["input"], default=str)
        got = got if len(got) <= MOST_SHOWN else f"{got[: MOST_SHOWN - 3]}..."
        if misfit["type"] == "unexpected_keyword_argument":
            misfits.setdefault(f"{top} {within}", f"{top}: {within} is not known")
            continue
        wrong = "is missing" if misfit["type"] == "missing" else f"must be {must}, but got {got}"
        misfits.setdefault(f"{top} {within}", f"{top}: {f'{within} {wrong}'.strip()}")
    return "; ".join([*misfits.values()][:MOST_NAMED])
