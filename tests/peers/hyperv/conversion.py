"""A parameter's value as its type: what PowerShell converts, and what it refuses to."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

from tests.peers.hyperv.objects import ENUMERATIONS, Member, Secret, Sized, Thing, listed
from tests.peers.hyperv.tables import OBJECTS

RANGES = {
    "Byte": (0, 1 << 8), "SByte": (-(1 << 7), 1 << 7), "Int16": (-(1 << 15), 1 << 15), "UInt16": (0, 1 << 16),
    "Int32": (-(1 << 31), 1 << 31), "UInt32": (0, 1 << 32), "Int64": (-(1 << 63), 1 << 63), "UInt64": (0, 1 << 64),
}  # fmt: skip

LIST = "System.Collections.Generic.List`1["


class Refused(Exception):
    """It does not convert."""


def convert(kind: str, value: Any) -> Any:
    """
    The value as ``kind`` (``String``, ``UInt64``, ``VirtualMachine[]``…); Refused with PowerShell's own words.

    Conversions are those of about_Type_Conversion: anything scalar becomes text, text becomes numbers, GUIDs and
    members of enumerations, one value becomes a list of one; nothing becomes a live object, and text no Boolean.
    """
    if kind.startswith(LIST):
        kind = kind.removeprefix(LIST).removesuffix("]").removeprefix("System.") + "[]"  # any array becomes a List<T>
    if kind.endswith("[]"):
        if kind == "Byte[]" and isinstance(value, bytes | bytearray):
            return bytes(value)
        made = [convert(kind[:-2], each) for each in ([None] if value is None else listed(value))]
        return bytes(made) if kind == "Byte[]" else made
    if isinstance(value, list | tuple) and kind not in ("Object", "PSObject", "switch"):
        if len(value) == 1 and kind != "String":
            return convert(kind, value[0])
        raise Refused(f"Cannot convert 'System.Object[]' to the type 'System.{kind}' required by parameter.")
    return _one(kind, value)


def _one(kind: str, value: Any) -> Any:
    if kind in RANGES:
        return _number(kind, value)
    special = {
        "switch": _switch, "Boolean": _boolean, "String": _text, "Guid": _guid, "DateTime": _time,
        "Double": _double, "TimeSpan": _span,
    }.get(kind)  # fmt: skip
    if special is not None:
        return special(value)
    if value is None or kind in ("Object", "PSObject", "Version"):
        return value
    if kind.lower() in ENUMERATIONS:
        try:
            return ENUMERATIONS[kind.lower()].parse(value)
        except ValueError as wrong:
            raise Refused(f'Cannot convert value "{value}" to type "{kind}": {wrong}') from None
    return _object(kind, value)


def _object(kind: str, value: Any) -> Any:
    fits = {
        "PSCredential": isinstance(value, Thing) and value.is_a("System.Management.Automation.PSCredential"),
        "SecureString": isinstance(value, Secret),
        "Hashtable": isinstance(value, dict),
        "IDictionary": isinstance(value, dict),
        "ScriptBlock": hasattr(value, "node"),  # powershell.Block; text over the wire is none
    }.get(kind)
    if fits is None and kind in OBJECTS:
        live = isinstance(value, Thing) and not any(each.startswith("Deserialized.") for each in value.types)
        fits = live and value.is_a(kind)
    if fits is False:
        raise Refused(f'Cannot convert the "{_named(value)}" value of type "{type_name(value)}" to type "{kind}".')
    return value


def _named(value: Any) -> str:
    return "***" if isinstance(value, Secret) else str(value)[:120]


def type_name(value: Any) -> str:
    """The name of a value's type in .NET."""
    if isinstance(value, Thing):
        return value.types[0]
    if isinstance(value, Sized):
        return f"System.{value.width}"
    if isinstance(value, Member):
        return value.type
    names = {bool: "Boolean", int: "Int32" if abs(value) < 1 << 31 else "Int64", float: "Double"} if isinstance(
        value, bool | int | float) else {str: "String", bytes: "Byte[]", uuid.UUID: "Guid", list: "Object[]",
        dict: "Collections.Hashtable", datetime.datetime: "DateTime", Secret: "Security.SecureString"}  # fmt: skip
    return "System." + names.get(type(value), "Object")


def _number(kind: str, value: Any) -> int:
    if isinstance(value, Member):
        number = value.value
    elif isinstance(value, bool | int):
        number = int(value)
    elif isinstance(value, float):
        number = round(value)
    elif isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value):
        number = int(value)
    elif isinstance(value, str) and re.fullmatch(r"(?i)\s*0x[0-9a-f]+\s*", value):
        number = int(value, 16)
    elif value is None:
        number = 0
    else:
        raise Refused(f'Cannot convert value "{value}" to type "System.{kind}". '
                      'Error: "Input string was not in a correct format."')  # fmt: skip
    low, high = RANGES[kind]
    if not low <= number < high:
        raise Refused(f'Cannot convert value "{value}" to type "System.{kind}". '
                      f'Error: "Value was either too large or too small for {kind}."')  # fmt: skip
    return number


def _switch(value: Any) -> bool:
    if isinstance(value, Thing) and value.is_a("SwitchParameter"):
        value = value.get("IsPresent")
    if value is None or isinstance(value, bool):
        return bool(value) if value is not None else True
    if isinstance(value, int):
        return bool(value)
    raise Refused(f'Cannot convert value "{value}" to type "System.Management.Automation.SwitchParameter". '
                  "Boolean parameters accept only Boolean values and numbers.")  # fmt: skip


def _boolean(value: Any) -> bool:
    if isinstance(value, bool | int):
        return bool(value)
    raise Refused(
        f'Cannot convert value "{type_name(value)}" to type "System.Boolean". '
        "Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0."
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Secret):
        raise Refused("Cannot convert a SecureString to System.String.")
    return {True: "True", False: "False"}[value] if isinstance(value, bool) else str(value)


def _guid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value).strip())
    except ValueError:
        raise Refused(f'Cannot convert value "{value}" to type "System.Guid". Error: "Guid should contain 32 digits '
                      'with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)."') from None  # fmt: skip


def _double(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Refused(f'Cannot convert value "{value}" to type "System.Double". '
                      'Error: "Input string was not in a correct format."') from None  # fmt: skip


def _time(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused(f'Cannot convert value "{value}" to type "System.DateTime".') from None


def _span(value: Any) -> datetime.timedelta:
    return value if isinstance(value, datetime.timedelta) else datetime.timedelta(seconds=float(value))
