"""
Conversions, truth and comparison of values.

Sources: about_Type_Conversion, about_Booleans, about_Comparison_Operators, about_Numeric_Literals (PowerShell-Docs),
and the language specification, chapter 6.
"""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

from tests.peers.hyperv.conversion import RANGES, type_name
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import CUSTOM, Member, Secret, Sized, Thing, record
from tests.peers.hyperv.powershell.scopes import Block
from tests.peers.hyperv.powershell.syntax import Refused

WIDTHS = {
    "byte": "Byte", "sbyte": "SByte", "int16": "Int16", "short": "Int16", "uint16": "UInt16", "int": "Int32",
    "int32": "Int32", "uint32": "UInt32", "uint": "UInt32", "long": "Int64", "int64": "Int64", "uint64": "UInt64",
    "ulong": "UInt64",
}  # fmt: skip


_LITERAL = re.compile(r"(?i)([+-]?)(0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)(l|d|u|ul)?(kb|mb|gb|tb|pb)?")


def is_array(value: Any) -> bool:
    """What a pipeline enumerates."""
    return isinstance(value, list | tuple | bytes | bytearray)


def text_of(value: Any) -> str:
    """[string] of a value, in the invariant culture."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if is_array(value):
        return " ".join(text_of(each) for each in value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%m/%d/%Y %H:%M:%S")
    if isinstance(value, datetime.timedelta):
        return span_text(value)
    if isinstance(value, dict):
        return "System.Collections.Hashtable"
    if isinstance(value, Failure):
        return value.message
    return str(value)


def span_text(value: datetime.timedelta) -> str:
    """TimeSpan.ToString()."""
    ticks = (value.days * 86400 + value.seconds) * 10**7 + value.microseconds * 10
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    seconds, rest = divmod(ticks, 10**7)
    days = f"{seconds // 86400}." if seconds >= 86400 else ""
    clock = f"{seconds % 86400 // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return f"{sign}{days}{clock}" + (f".{rest:07}" if rest else "")


def truth(value: Any) -> bool:
    """[bool] of a value."""
    if isinstance(value, list | tuple | bytes | bytearray):
        return len(value) > 1 or (len(value) == 1 and truth(value[0]))
    if isinstance(value, Member):
        return value.value != 0
    if value is None or isinstance(value, bool | int | float | str):
        return bool(value)
    if isinstance(value, Thing) and value.is_a("SwitchParameter"):
        return bool(value.get("IsPresent"))
    return True


def width_of(value: Any) -> str | None:
    """The name of the number's type, None for what is no number."""
    if isinstance(value, Sized):
        return value.width
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        return "Double"
    return next(width for width in ("Int32", "Int64", "UInt64") if RANGES[width][0] <= value < RANGES[width][1])


def sized(width: str, number: int) -> int:
    """The number as this type; plain where that says the same."""
    return int(number) if width_of(int(number)) == width else Sized(width, int(number))


def cannot(value: Any, kind: str, why: str = "") -> Failure:
    """A conversion that does not go."""
    shown = "***" if isinstance(value, Secret) else text_of(value)[:120]
    said = f'Cannot convert value "{shown}" to type "{kind}".' if why else (
        f'Cannot convert the "{shown}" value of type "{type_name(value)}" to type "{kind}".')  # fmt: skip
    fqid = "InvalidCast" if why else "ConvertToFinalInvalidCastException"
    return Failure(said + (f' Error: "{why}"' if why else ""), fqid, "InvalidArgument", None,
                   "System.Management.Automation.PSInvalidCastException", terminating=True)  # fmt: skip


def number_of(value: Any, width: str) -> int:
    """The value as an integer of this type."""
    given = value
    if isinstance(value, Member):
        value = value.value
    elif value is None:
        value = 0
    elif is_array(value) and len(value) == 1:
        return number_of(value[0], width)
    elif isinstance(value, str):
        value = read_number(value, f"System.{width}")
    elif isinstance(value, datetime.datetime | uuid.UUID | dict | Thing | Secret | Block) or is_array(value):
        raise cannot(given, f"System.{width}")
    number = round(value)  # half to even, as .NET does
    low, high = RANGES[width]
    if not low <= number < high:
        raise cannot(given, f"System.{width}", f"Value was either too large or too small for an {width}.")
    return sized(width, int(number))


def read_number(value: str, kind: str) -> int | float:
    """A number in text; Failure where it is none."""
    value = value.strip()
    if not value:
        return 0
    if re.fullmatch(r"(?i)[+-]?0x[0-9a-f]+", value):
        return int(value, 16)
    try:
        return int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    except ValueError:
        raise cannot(value, kind, "Input string was not in a correct format.") from None


def literal(written: str) -> int | float | None:
    """A numeric literal such as 0x1F, 10L, 1.5 or 4KB; None where it is none."""
    found = _LITERAL.fullmatch(written)
    if found is None:
        return None
    sign, digits, suffix, unit = found[1], found[2], (found[3] or "").lower(), (found[4] or "").lower()
    factor = 1024 ** (("kb", "mb", "gb", "tb", "pb").index(unit) + 1) if unit else 1
    if suffix == "d":
        raise Refused(f"decimals are not known here: {written}")
    if re.fullmatch(r"(?i)0x[0-9a-f]+", digits):
        number: int | float = int(digits, 16)
        bits = next((each for each in (32, 64) if len(digits) - 2 <= each // 4), 0)
        if bits and not suffix and number >= 1 << (bits - 1):
            number -= 1 << bits  # 0xFFFFFFFF is -1
    else:
        number = int(digits) if digits.isdigit() else float(digits)
    number = (-number if sign == "-" else number) * factor
    if suffix == "l":
        return sized("Int64", int(number))
    if suffix in ("u", "ul"):
        return sized("UInt32" if suffix == "u" and number < 1 << 32 else "UInt64", int(number))
    return number


def convert(kind: str, value: Any) -> Any:
    """The value as the type that stands in brackets; Refused for a type that is not known here."""
    name = kind.lower().removeprefix("system.")
    if name in WIDTHS:
        return number_of(value, WIDTHS[name])
    if name in _CASTS:
        return _CASTS[name](value)
    if name == "byte[]":
        return _bytes(value)
    if name.endswith("[]"):
        if value is None:
            return None
        values = list(value) if is_array(value) else [value]
        return [convert(name[:-2], each) for each in values]
    raise Refused(f"type [{kind}] is not known here")


def _bytes(value: Any) -> bytearray | None:
    if value is None or isinstance(value, bytearray):
        return value
    if isinstance(value, bytes):
        return bytearray(value)
    return bytearray(number_of(each, "Byte") for each in (value if is_array(value) else [value]))


def _guid(value: Any) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        if isinstance(value, str):
            return uuid.UUID(value.strip())
    except ValueError:
        raise cannot(value, "System.Guid", "Guid should contain 32 digits with 4 dashes "
                     "(xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).") from None  # fmt: skip
    raise cannot(value, "System.Guid")


def _float(value: Any) -> float:
    if isinstance(value, str):
        return float(read_number(value, "System.Double"))
    if value is None or isinstance(value, bool | int | float):
        return float(value or 0)
    raise cannot(value, "System.Double")


def _time(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.datetime.fromisoformat(value)
    except ValueError:
        raise cannot(value, "System.DateTime", "The string was not recognized as a valid DateTime.") from None
    raise cannot(value, "System.DateTime")


def _span(value: Any) -> datetime.timedelta:
    if isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return datetime.timedelta(microseconds=value / 10)
    raise cannot(value, "System.TimeSpan")


def _custom(value: Any) -> Any:
    return record(**{str(key): each for key, each in value.items()}) if isinstance(value, dict) else value


def _only(kind: str, *classes: type, also: str = "") -> Any:
    def check(value: Any) -> Any:
        if value is None or isinstance(value, classes) or (also and isinstance(value, Thing) and value.is_a(also)):
            return value
        raise cannot(value, kind)

    return check


_CREDENTIAL = "System.Management.Automation.PSCredential"
_CASTS: dict[str, Any] = {
    "string": text_of, "bool": truth, "boolean": truth, "switch": truth, "double": _float, "guid": _guid,
    "datetime": _time, "timespan": _span, "object": lambda value: value, "psobject": lambda value: value,
    "void": lambda value: None, "pscustomobject": _custom,
    "array": lambda value: list(value) if is_array(value) else ([] if value is None else [value]),
    "hashtable": _only("System.Collections.Hashtable", dict), "ordered": _only("ordered", dict),
    "pscredential": _only(_CREDENTIAL, also=_CREDENTIAL), _CREDENTIAL.lower()[7:]: _only(_CREDENTIAL, also=_CREDENTIAL),
    "securestring": _only("System.Security.SecureString", Secret),
    "security.securestring": _only("System.Security.SecureString", Secret),
    "scriptblock": _only("System.Management.Automation.ScriptBlock", Block),
}  # fmt: skip


def equal(left: Any, right: Any, *, case: bool = False) -> bool:
    """``-eq``: the right side is converted to what the left is; text is equal whatever its case."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, Member):
        return left == right
    if isinstance(left, str):
        right = text_of(right)
        return left == right if case else left.casefold() == right.casefold()
    if isinstance(left, bool):
        return left == truth(right)
    try:
        if isinstance(left, int | float):
            return bool(left == _beside(right, ""))
        if isinstance(left, uuid.UUID):
            return left == _guid(right)
        if isinstance(left, datetime.datetime):
            return left == _time(right)
    except Failure:
        return False
    if is_array(left) and is_array(right):
        return left is right
    return bool(left is right or left == right)


def _beside(right: Any, kind: str) -> int | float:
    """What is compared with a number."""
    if isinstance(right, int | float):
        return right
    return read_number(right, kind) if isinstance(right, str) else number_of(right, "Int64")


def order(left: Any, right: Any, *, case: bool = False) -> int:
    """Below zero, zero or above: the right side converted to what the left is."""
    if isinstance(left, str):
        one, two = left, text_of(right)
        one, two = (one, two) if case else (one.casefold(), two.casefold())
    elif isinstance(left, Member):
        one, two = left.value, right.value if isinstance(right, Member) else number_of(right, "Int64")
    elif left is None or isinstance(left, bool | int | float):
        one, two = left or 0, _beside(right, "System.Int32")
    elif isinstance(left, datetime.datetime):
        one, two = left, _time(right)
    elif isinstance(left, datetime.timedelta):
        one, two = left, _span(right)
    else:
        raise Failure(f'Cannot compare "{text_of(left)}" because it is not IComparable.', "NotIcomparable",
                      "InvalidOperation", terminating=True)  # fmt: skip
    return (one > two) - (one < two)


def outgoing(value: Any) -> Any:
    """The value as it leaves the script: no array that somebody still writes to."""
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, list):
        return [outgoing(each) for each in value]
    if isinstance(value, dict):
        return {key: outgoing(each) for key, each in value.items()}
    if isinstance(value, Thing) and value.types[0] == CUSTOM:
        value.properties = {name: outgoing(each) for name, each in value.properties.items()}
    return value
