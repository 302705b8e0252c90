"""Our values to psrpcore's and back, with the depth of PowerShell's remoting."""

from __future__ import annotations

import datetime
import functools
import re
import uuid
from typing import Any

from psrpcore import types as ps

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import CUSTOM, Member, Secret, Sized, Thing, credential

WIDTHS = {
    "Byte": ps.PSByte, "SByte": ps.PSSByte, "Int16": ps.PSInt16, "UInt16": ps.PSUInt16, "Int32": ps.PSInt,
    "UInt32": ps.PSUInt, "Int64": ps.PSInt64, "UInt64": ps.PSUInt64,
}  # fmt: skip


class ScriptText(str):
    """A script block that came over the wire: text, and nothing that could be run."""

    __slots__ = ()


def outgoing(value: Any, depth: int = 1) -> Any:
    """
    A value as the serializer of a remote runspace writes it.

    ``depth`` 1 is what remoting uses: properties of the object itself arrive, objects in them as their text.
    """
    if isinstance(value, Thing):
        return _object(value, depth) if depth > 0 else str(value)
    if isinstance(value, Member):
        return _member(value.type, value.name, int(value.value))
    if isinstance(value, Sized):
        return WIDTHS[value.width](int(value))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return ps.PSInt(value) if -(1 << 31) <= value < 1 << 31 else ps.PSInt64(value)
    if isinstance(value, dict):
        return ps.PSDict({str(key): outgoing(each, depth - 1) for key, each in value.items()})
    if isinstance(value, list | tuple):
        return ps.PSList([outgoing(each, depth - 1) for each in value])
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Secret):
        return ps.PSSecureString(value.text)
    if isinstance(value, bytes | bytearray):
        return ps.PSByteArray(bytes(value))
    if isinstance(value, str | float | uuid.UUID | datetime.datetime | datetime.timedelta):
        return value
    return str(value)


@functools.cache
def _member(kind: str, name: str, value: int) -> Any:
    """A member of an enumeration with its text, which psrpcore writes for classes of enumerations only."""
    meta: Any = type(ps.PSEnumBase)
    bases = (ps.PSEnumBase,)
    space: Any = meta.__prepare__(kind, bases)
    space[name] = value
    cls: Any = meta(kind, bases, space)
    made: Any = cls(value)
    made.PSObject.type_names = [kind, "System.Enum", "System.ValueType", "System.Object"]
    return made


def _object(value: Thing, depth: int) -> Any:
    made = ps.PSObject()
    made.PSObject.type_names = list(value.types)
    shown: list[Any] = [ps.PSNoteProperty(key, outgoing(each, depth - 1)) for key, each in value.properties.items()]
    if value.types[0] == CUSTOM or value.types[0].startswith("Selected."):
        made.PSObject.extended_properties = shown
    else:
        made.PSObject.adapted_properties = shown
        made.PSObject.to_string = str(value)
    return made


def incoming(value: Any) -> Any:
    """A value that came over the wire, in plain Python; objects are ``Deserialized.*`` and no live ones."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, ps.PSSecureString):
        return Secret(str(value.decrypt()))
    if isinstance(value, ps.PSCredential):
        return credential(str(value.UserName), Secret(str(value.Password.decrypt())))
    if isinstance(value, ps.PSScriptBlock):
        return ScriptText(value)
    if isinstance(value, ps.PSChar):
        return chr(int(value))
    if isinstance(value, tuple(WIDTHS.values())):
        kind = type(value)
        width = next((name for name, each in WIDTHS.items() if each is kind), "Int32")
        number: Any = value
        return Sized(width, int(number))
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, uuid.UUID):
        return uuid.UUID(int=value.int)
    if isinstance(value, dict):
        return {str(key): incoming(each) for key, each in value.items()}
    if isinstance(value, list):
        return [incoming(each) for each in value]
    if isinstance(value, ps.PSEnumBase | ps.PSFlagBase):
        return value.name
    if isinstance(value, float | datetime.datetime | datetime.timedelta):
        return value
    about = getattr(value, "PSObject", None)
    if about is None:
        return value
    names = [str(each) for each in about.type_names]
    made = Thing(*[each for each in names if each != "System.Object"], text=about.to_string)
    for each in [*about.adapted_properties, *about.extended_properties]:
        made.set(str(each.name), incoming(each.get_value(value)))
    return made


def localized(wrong: Failure, language: str) -> str:
    """
    What a host says in its own language: the Hyper-V module's messages come from the host's service, in the host's
    language whatever the session asks for. Names and codes stay; nobody may read the words.
    """
    if not language.startswith("de") or not wrong.kind.startswith("Microsoft."):
        return wrong.message
    kept = re.findall(r"'[^']*'|\"[^\"]*\"|\(?0x[0-9A-Fa-f]{8}\)?", wrong.message)
    return " ".join(["Der Vorgang ist fehlgeschlagen:", *kept])


def error_record(wrong: Failure, language: str = "en-US") -> ps.ErrorRecord:
    """The record of a failure."""
    exception = ps.NETException(Message=localized(wrong, language), HResult=-2146233088)
    exception.PSObject.type_names = [wrong.kind, "System.Exception", "System.Object"]
    target = wrong.target
    about = ps.ErrorCategoryInfo(
        Category=ps.ErrorCategory[wrong.category],
        Reason=wrong.kind.rsplit(".", 1)[-1],
        TargetName="" if target is None else str(target),
        TargetType="" if target is None else type(target).__name__.replace("str", "String"),
    )
    return ps.ErrorRecord(
        Exception=exception, CategoryInfo=about, FullyQualifiedErrorId=wrong.fqid, TargetObject=outgoing(target, 0)
    )
