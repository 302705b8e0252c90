"""How model objects are written down: JSON that names its type. Never pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from golden import model
from golden.errors import GoldenError


def encode(value: Any) -> Any:
    """Turn model objects, tuples, mappings and plain values into JSON values that name their type."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"$": type(value).__name__, **{f.name: encode(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def decode(value: Any) -> Any:
    """Turn JSON back into the model objects it names; lists come back as tuples."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: decode(item) for key, item in value.items()}
    kind = getattr(model, value["$"], None)
    if kind is None:
        raise GoldenError(f"a record names the type {value['$']!r}, which this golden does not know")
    hints = _hints(kind)
    # A field that a newer golden added is dropped; one that an older golden did not write keeps its default.
    known = {key: item for key, item in value.items() if key in hints}
    return kind(**{key: _restored(hints[key], item) for key, item in known.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _restored(hint: Any, item: Any) -> Any:
    for choice in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        if isinstance(choice, type) and issubclass(choice, Enum) and item is not None:
            return choice(item)
    return decode(item)


def plain(value: Any) -> Any:
    """Like ``encode`` without the type names: what users see as JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value
