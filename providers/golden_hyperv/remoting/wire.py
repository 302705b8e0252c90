"""Our plain values as psrpcore's and back. Integers get the size they need; what has no form on the wire is refused."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from psrpcore import types as ps

from golden_hyperv.remoting.losses import Failure
from golden_hyperv.remoting.values import Credential, Secret, Thing, UInt64

_I32 = 1 << 31
_I64 = 1 << 63
_DESERIALIZED = "Deserialized."


def to_wire(value: Any) -> Any:
    """
    One value for a parameter.

    TypeError for a type that has no form on the wire, ValueError for a number beyond 64 bits, a time without a zone,
    and text that is no Unicode text (lone surrogates, non-characters), which XML cannot carry.
    """
    if value is None or isinstance(value, (bool, uuid.UUID, datetime.timedelta, decimal.Decimal)):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return ps.PSDouble(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError("a time without its zone means another moment on the host")
        return value
    if isinstance(value, Secret):
        return ps.PSSecureString(value.reveal())
    if isinstance(value, Credential):
        return ps.PSCredential(UserName=_text(value.user), Password=ps.PSSecureString(value.password.reveal()))
    return _collection(value)


def _collection(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ps.PSDict({_text(key): to_wire(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return ps.PSList([to_wire(one) for one in value])
    raise TypeError(f"a {type(value).__name__} has no form on the wire")


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} is no text")
    for one in value:
        number = ord(one)
        if 0xD800 <= number <= 0xDFFF or number & 0xFFFE == 0xFFFE:
            raise ValueError(f"U+{number:04X} is no character of a text")
    return str(value)


def _integer(value: int) -> Any:
    if isinstance(value, UInt64):
        return ps.PSUInt64(int(value))
    if -_I32 <= value < _I32:
        return ps.PSInt(value)
    if -_I64 <= value < _I64:
        return ps.PSInt64(value)
    return ps.PSUInt64(int(UInt64(value)))


def is_secret(value: Any) -> bool:
    """Whether the session key has to be exchanged before this can be sent."""
    if isinstance(value, Mapping):
        return any(is_secret(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return any(is_secret(one) for one in value)
    return isinstance(value, (Secret, Credential))


def from_wire(value: Any) -> Any:
    """A value of the host's in plain Python; objects as Thing, members of an enumeration as their names."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return value.name or str(value)
    if isinstance(value, ps.PSObject) and "System.Enum" in _types(value) and value.PSObject.to_string is not None:
        return str(value.PSObject.to_string)
    for kind, plain in _PLAIN:
        if isinstance(value, kind):
            return plain(value)
    return _thing(value) if isinstance(value, ps.PSObject) else value


def _thing(value: Any) -> Any:
    meta = value.PSObject
    properties = {}
    for prop in (*meta.adapted_properties, *meta.extended_properties):
        properties[str.__str__(prop.name)] = from_wire(prop.get_value(value))
    text = meta.to_string
    return Thing(properties, "" if text is None else str.__str__(text), _types(value))


def _types(value: Any) -> tuple[str, ...]:
    return tuple(str.__str__(name).removeprefix(_DESERIALIZED) for name in value.PSObject.type_names)


def _moment(value: datetime.datetime) -> datetime.datetime:
    return datetime.datetime(
        value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo
    )  # fmt: skip


def _plain_list(value: Iterable[Any]) -> list[Any]:
    return [from_wire(one) for one in list.__iter__(value)] if isinstance(value, list) else []


_PLAIN: tuple[tuple[Any, Any], ...] = (
    (ps.PSSecureString, lambda value: Secret(str.__str__(value.decrypt()))),
    (ps.PSCredential, lambda value: Credential(from_wire(value.UserName), from_wire(value.Password))),
    (ps.PSVersion, str),
    (ps.PSChar, lambda value: chr(int(value))),
    (str, str.__str__),
    (int, int),
    (float, float),
    (decimal.Decimal, decimal.Decimal),
    (bytes, bytes),
    (uuid.UUID, lambda value: uuid.UUID(int=value.int)),
    (datetime.datetime, _moment),
    (datetime.timedelta, lambda value: datetime.timedelta(value.days, value.seconds, value.microseconds)),
    (dict, lambda value: {from_wire(key): from_wire(one) for key, one in value.items()}),
    (list, _plain_list),
    (ps.PSQueueBase, lambda value: [from_wire(one) for one in value.queue]),
)
"""In this order: psrpcore's types derive from Python's."""


def failure(record: Any, *, terminating: bool) -> Failure:
    """The facts of an error record; nothing of its invocation, which would hold script text and values."""
    met = record.Exception
    chain = _chain(met)
    types = tuple(kind for one in chain for kind in _types(one))
    details = getattr(record.ErrorDetails, "Message", None)
    message = details or getattr(met, "Message", None) or (met if isinstance(met, str) else "")
    numbers = [number for one in chain if isinstance(number := getattr(one, "HResult", None), int)]
    return Failure(
        message=str.__str__(message).strip(),
        fqid=_shown(record.FullyQualifiedErrorId),
        category=record.CategoryInfo.Category.name,
        target=_shown(record.TargetObject),
        exception_type=types[0] if types else "",
        exception_types=types,
        hresult=int(numbers[-1]) if numbers else None,
        terminating=terminating,
    )


def _chain(met: Any) -> list[Any]:
    """An exception and what it was made of, as far as the host sent it: a method's own lies inside PowerShell's."""
    chain: list[Any] = []
    while isinstance(met, ps.PSObject) and not isinstance(met, str) and len(chain) < 10:
        chain.append(met)
        met = getattr(met, "InnerException", None)
    return chain


def _shown(value: Any) -> str:
    plain = from_wire(value)
    if plain is None or isinstance(plain, (Secret, Credential)):
        return ""
    return plain.text if isinstance(plain, Thing) else str(plain)
