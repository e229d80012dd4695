"""Records of JSON as values of a type: what does not fit is said by its key and its value."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
#: A record as it is written: JSON by its keys.
Record = dict[str, Any]
#: Metadata of a field whose key is written unless its value is None: few records have it.
UNLESS_NONE = {"unless": None}
#: Misfits that are named.
MOST_NAMED = 3
#: Signs of a value that are shown.
MOST_SHOWN = 40
#: What a value must be, by what pydantic calls the misfit.
MUST = {
    "string_type": "a text", "float_type": "a number", "int_type": "a whole number",
    "bool_type": "true or false", "none_required": "null", "dataclass_type": "a mapping",
    "dict_type": "a mapping", "tuple_type": "a list", "list_type": "a list",
}  # fmt: skip


@dataclass(frozen=True)
class WrittenAs:
    """How a type is written in JSON: as what, and how it is read from that."""

    shape: Any
    read: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        shape = handler.generate_schema(self.shape)
        return core_schema.no_info_after_validator_function(self.read, shape)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


#: A number that may be none: JSON has no NaN, and what is written as null is read as one.
Number = Annotated[float, WrittenAs(float | None, _or_nan)]
#: A figure that may be missing, and is null then.
Figure = Annotated[float, WrittenAs(float | None, lambda value: value)]
#: Figures by their names.
Figures = dict[str, Figure]


def whole(kind: type[T]) -> type[T]:
    """Class decorator of a dataclass whose record has no key that it does not know.

    A step of a later version that was left out would change figures without a word.
    """
    kind.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return kind


def typed(kind: type[T], record: object) -> T:
    """Make a value of a type from a record, by the type's annotations.

    Types are strict: texts are no numbers, and nor are booleans. Keys that a dataclass does not
    know are of a later version and are left out, unless it is :func:`whole`; keys with a default
    may be missing.

    Raises
    ------
    ValueError
        Names keys and values that do not fit.
    """
    from pydantic import ValidationError

    try:
        return cast(
            T, _adapter(cast(Hashable, kind)).validate_json(json.dumps(record), strict=True)
        )
    except ValidationError as error:
        raise ValueError(_misfits(error)) from error


class Stored:
    """Base of a dataclass that is kept as JSON: by its fields, and read by their types.

    One whose record is another says so in a :meth:`to_json` of its own, and is written so wherever
    it is a field of others.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Found(Stored):
    ...     porosity: float
    >>> Found(0.4).to_json(), Found.from_json({"porosity": 0.4, "newer": 1})
    ({'porosity': 0.4}, Found(porosity=0.4))
    """

    def to_json(self) -> Record:
        """The record that is stored."""
        return _by_field(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` made, of this version or another.

        Raises
        ------
        ValueError
            Names keys and values that do not fit.
        """
        return typed(cls, record)


def as_record(value: Any) -> Any:
    """A dataclass as it is written in JSON: mappings by field, and lists for tuples.

    :func:`typed` reads what it gives.

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
        return {key: as_record(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_record(one) for one in value]
    return value


def _by_field(value: Any) -> Record:
    """What the fields of a dataclass hold, each as it is written."""
    kept = ((one, getattr(value, one.name)) for one in fields(value))
    return {
        one.name: as_record(each)
        for one, each in kept
        if each is not None or one.metadata != UNLESS_NONE
    }


def fitting(kind: Any) -> Callable[[Any], Any]:
    """Function that gives a record back as it is, if it can be read as a value of a type."""
    return partial(_checked, kind)


def _checked(kind: Any, record: Any) -> Any:
    typed(kind, record)
    return record


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _misfits(error: ValidationError) -> str:
    """What does not fit, in words; of a union every choice says so, and once is enough."""
    misfits: dict[str, str] = {}
    for one in error.errors(include_url=False):
        top, *inner = [part for part in map(str, one["loc"]) if "[" not in part] or ["it"]
        within = ".".join(inner)
        if one["type"] == "value_error":  # of the type itself, in its words
            misfits.setdefault(top, one["msg"].removeprefix("Value error, "))
            continue
        must = MUST.get(one["type"], one["msg"].replace("Input should be ", ""))
        got = json.dumps(one["input"], default=str)
        got = got if len(got) <= MOST_SHOWN else f"{got[: MOST_SHOWN - 3]}..."
        if one["type"] == "unexpected_keyword_argument":
            misfits.setdefault(f"{top} {within}", f"{top}: {within} is not known")
            continue
        wrong = "is missing" if one["type"] == "missing" else f"must be {must}, but got {got}"
        misfits.setdefault(f"{top} {within}", f"{top}: {f'{within} {wrong}'.strip()}")
    return "; ".join([*misfits.values()][:MOST_NAMED])
