"""
Properties and methods of values: those of .NET that scripts of golden use, from the .NET API reference.

A property that is not there is $null, or an error under Set-StrictMode (about_Set-StrictMode); of a list, it is that of
each element (member enumeration, about_Member-Access_Enumeration). A method that is not known here is Refused.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable
from typing import Any

from tests.peers.hyperv.conversion import type_name
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import CUSTOM, Member, Secret, Thing, record
from tests.peers.hyperv.powershell.operators import key_of
from tests.peers.hyperv.powershell.scopes import NOTHING
from tests.peers.hyperv.powershell.syntax import Refused
from tests.peers.hyperv.powershell.values import equal, is_array, number_of, span_text, text_of

EPOCH_1601 = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)


def get(value: Any, name: str, *, strict: bool) -> Any:
    """A property."""
    found = _get(value, name)
    if found is not NOTHING:
        return found
    if is_array(value):
        if any(_get(each, name) is not NOTHING for each in value):
            every = [each for one in value for each in _spread(_get(one, name))]
            return every[0] if len(every) == 1 else every
        if not value and not strict:
            return None
    if strict:
        raise Failure(f"The property '{name}' cannot be found on this object. Verify that the property exists.",
                      "PropertyNotFoundStrict", "NotSpecified", None,
                      "System.Management.Automation.PropertyNotFoundException", terminating=True)  # fmt: skip
    return None


def _spread(value: Any) -> list[Any]:
    return [] if value is NOTHING else list(value) if is_array(value) else [value]


def _get(value: Any, name: str) -> Any:
    lower = name.lower()
    if value is None:
        return NOTHING
    if hasattr(value, "ps_get"):
        return _asked(value, name)
    if lower == "psobject":
        kinds = list(value.types) if isinstance(value, Thing) else [type_name(value)]
        return Thing("System.Management.Automation.PSObject", Properties=_properties(value), TypeNames=kinds)
    if isinstance(value, Thing):
        return value.get(name, NOTHING)
    if isinstance(value, dict):
        key = key_of(value, name)
        table = {"count": len(value), "keys": list(value), "values": list(value.values())}
        return value[key] if key is not None else table.get(lower, NOTHING)
    if isinstance(value, Failure):
        return _of_record(value, lower)
    known = _PROPERTIES.get(_kind(value), {})
    if lower in known:
        return known[lower](value)
    if lower in ("count", "length") and not isinstance(value, str | list | tuple | bytes | bytearray):
        return 1  # every scalar has them since PowerShell 3
    return NOTHING


def _asked(value: Any, name: str) -> Any:
    try:
        return value.ps_get(name)
    except AttributeError:
        raise Refused(f"the property {name} of {type(value).__name__} is not known here") from None


def _kind(value: Any) -> type:
    kinds = (Member, bool, str, datetime.datetime, datetime.timedelta, uuid.UUID, Secret, Thing)
    if is_array(value):
        return list
    return next((kind for kind in kinds if isinstance(value, kind)), object)


def _properties(value: Any) -> list[Thing]:
    if isinstance(value, Thing):
        return [Thing("System.Management.Automation.PSNoteProperty", Name=name, Value=each)
                for name, each in value.properties.items()]  # fmt: skip
    raise Refused(f"PSObject.Properties of {type_name(value)}")


def _of_record(failure: Failure, lower: str) -> Any:
    if lower == "exception":
        return exception_of(failure)
    if lower == "categoryinfo":
        return Thing("System.Management.Automation.ErrorCategoryInfo", Category=failure.category, Reason="",
                     TargetName=text_of(failure.target))  # fmt: skip
    found = {"fullyqualifiederrorid": failure.fqid, "targetobject": failure.target, "errordetails": None}
    return found.get(lower, NOTHING)


def exception_of(failure: Failure) -> Thing:
    """The exception of an error record."""
    inner = exception_of(failure.inner) if getattr(failure, "inner", None) is not None else None
    made = Thing(failure.kind, "System.Exception", text=failure.message, keep=failure, Message=failure.message,
                 HResult=getattr(failure, "hresult", -2146233087), InnerException=inner)  # fmt: skip
    for name, value in getattr(failure, "details", {}).items():
        made.set(name, value)
    return made


_PROPERTIES: dict[type, dict[str, Callable[[Any], Any]]] = {
    str: {"length": len},
    list: {"count": len, "length": len, "isfixedsize": lambda _: True, "rank": lambda _: 1},
    Member: {"value__": lambda value: value.value},
    uuid.UUID: {"guid": str},
    Secret: {"length": lambda value: len(value.text)},
    datetime.timedelta: {
        "totalseconds": lambda value: value.total_seconds(), "totalminutes": lambda value: value.total_seconds() / 60,
        "totalmilliseconds": lambda value: value.total_seconds() * 1000, "days": lambda value: value.days,
        "totalhours": lambda value: value.total_seconds() / 3600, "ticks": lambda value: _ticks(value),
    },
    datetime.datetime: {
        "year": lambda value: value.year, "month": lambda value: value.month, "day": lambda value: value.day,
        "hour": lambda value: value.hour, "minute": lambda value: value.minute, "second": lambda value: value.second,
        "ticks": lambda value: _ticks(value.replace(tzinfo=None) - datetime.datetime(1, 1, 1)),
    },
}  # fmt: skip


def _ticks(span: datetime.timedelta) -> int:
    return (span.days * 86400 + span.seconds) * 10**7 + span.microseconds * 10


def set_property(value: Any, name: str, new: Any) -> None:
    """``value.name = new``."""
    if hasattr(value, "ps_set"):
        try:
            value.ps_set(name, new)
        except AttributeError:
            raise Refused(f"the property {name} of {type(value).__name__} cannot be set here") from None
    elif isinstance(value, dict):
        key = key_of(value, name)
        value[name if key is None else key] = new
    elif isinstance(value, Thing) and name in value:
        value.set(name, new)
    else:
        raise Failure(f"The property '{name}' cannot be found on this object. Verify that the property exists and can "
                      "be set.", "PropertyNotFound", "InvalidOperation", terminating=True)  # fmt: skip


def index(value: Any, key: Any, *, strict: bool) -> Any:
    """``value[key]``; several keys give several elements."""
    if value is None:
        raise Failure("Cannot index into a null array.", "NullArray", "InvalidOperation", terminating=True)
    if isinstance(value, dict):
        found = key_of(value, key) if not is_array(key) else None
        return value[found] if found is not None or (found in value) else None
    if is_array(key):
        picked = (index(value, each, strict=False) for each in key)
        return [each for each in picked if each is not None]
    if isinstance(value, list | tuple | str | bytes | bytearray):
        if isinstance(value, list) and isinstance(key, str) and not key.lstrip("-").isdigit():
            return next((each for each in value if equal(get(each, "Name", strict=False), key)), None)
        at = int(number_of(key, "Int32"))
        if -len(value) <= at < len(value):
            return value[at]
        if strict:
            raise Failure("Index was outside the bounds of the array.", "System.IndexOutOfRangeException",
                          "OperationStopped", kind="System.IndexOutOfRangeException", terminating=True)  # fmt: skip
        return None
    if number_of(key, "Int32") in (0, -1):
        return value
    raise Failure(f"Unable to index into an object of type {type_name(value)}.", "CannotIndex", "InvalidOperation",
                  terminating=True)  # fmt: skip


def set_index(value: Any, key: Any, new: Any) -> None:
    """``value[key] = new``."""
    if isinstance(value, dict):
        found = key_of(value, key)
        value[key if found is None else found] = new
    elif isinstance(value, list | bytearray):
        at = int(number_of(key, "Int32"))
        if not -len(value) <= at < len(value):
            raise Failure("Index was outside the bounds of the array.", "System.IndexOutOfRangeException",
                          "OperationStopped", kind="System.IndexOutOfRangeException", terminating=True)  # fmt: skip
        value[at] = number_of(new, "Byte") if isinstance(value, bytearray) else new
    elif value is None:
        raise Failure("Cannot index into a null array.", "NullArray", "InvalidOperation", terminating=True)
    else:
        raise Refused(f"elements of {type_name(value)} cannot be set here")


def call(value: Any, name: str, given: list[Any]) -> Any:
    """A method; Failure where .NET throws."""
    lower = name.lower()
    if value is None:
        raise Failure("You cannot call a method on a null-valued expression.", "InvokeMethodOnNull",
                      "InvalidOperation", terminating=True)  # fmt: skip
    if hasattr(value, "ps_call"):
        try:
            return value.ps_call(name, given)
        except AttributeError:
            raise Refused(f"the method {name} of {type(value).__name__} is not known here") from None
    if lower == "gettype" and not given:
        kind = type_name(value) if not isinstance(value, Failure) else "System.Management.Automation.ErrorRecord"
        return Thing("System.RuntimeType", text=kind, FullName=kind, Name=kind.rsplit(".", 1)[-1])
    if lower == "tostring" and not given:
        return text_of(value)
    if lower == "equals" and len(given) == 1:
        return equal(value, given[0], case=True)
    if isinstance(value, Thing) and value.is_a("PSCredential") and lower == "getnetworkcredential":
        return record(UserName=value["UserName"], Password=value["Password"].text)
    kind = dict if isinstance(value, dict) else _kind(value)
    method = _METHODS.get(kind, {}).get(lower)
    if method is None:
        raise Refused(f"the method {name} of {type_name(value)} is not known here")
    return method(value, *given)


def _cut(value: str, start: int, length: int | None = None) -> str:
    end = len(value) if length is None else start + length
    if not 0 <= start <= end <= len(value):
        raise Failure(f'Exception calling "Substring" with "{1 if length is None else 2}" argument(s): "startIndex '
                      'cannot be larger than length of string."', "ArgumentOutOfRangeException", "NotSpecified",
                      kind="System.ArgumentOutOfRangeException", terminating=True)  # fmt: skip
    return value[start:end]


def _add(table: dict[Any, Any], key: Any, value: Any) -> None:
    if key_of(table, key) is not None:
        raise Failure(f"Exception calling \"Add\" with \"2\" argument(s): \"Item has already been added. Key in "
                      f"dictionary: '{text_of(key)}'\"", "ArgumentException", "NotSpecified",
                      kind="System.ArgumentException", terminating=True)  # fmt: skip
    table[key] = value


def _remove(table: dict[Any, Any], key: Any) -> None:
    found = key_of(table, key)
    if found is not None:
        del table[found]


def _date_text(value: datetime.datetime, how: str = "") -> str:
    if how in ("o", "O"):
        zone = "Z" if value.utcoffset() == datetime.timedelta(0) else value.strftime("%:z") if value.tzinfo else ""
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond:06}0" + zone
    if how == "yyyy-MM-ddTHH:mm:ssZ":
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise Refused(f"the format {how!r} of a time")


def _utc(value: datetime.datetime) -> datetime.datetime:
    return value.astimezone(datetime.UTC)


def _split(value: str, *separators: Any) -> list[str]:
    if any(not isinstance(each, str | list) for each in separators):
        raise Refused("String.Split with options")
    signs = "".join(text_of(each) if isinstance(each, str) else "".join(each) for each in separators)
    return re.split(f"[{re.escape(signs)}]", value) if signs else value.split()


def _base(value: Thing) -> Thing:
    if not value.is_a("System.Exception"):
        raise Refused(f"the method GetBaseException of {type_name(value)} is not known here")
    while (inner := value.get("InnerException")) is not None:
        value = inner
    return value


_METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    str: {
        "substring": _cut, "tolower": str.lower, "toupper": str.upper, "tolowerinvariant": str.lower,
        "toupperinvariant": str.upper, "trim": lambda value, signs=None: value.strip(signs),
        "trimend": lambda value, *signs: value.rstrip("".join(signs) or None),
        "trimstart": lambda value, *signs: value.lstrip("".join(signs) or None),
        "startswith": lambda value, other, how="Ordinal": _ends(value, other, text_of(how), str.startswith),
        "endswith": lambda value, other, how="Ordinal": _ends(value, other, text_of(how), str.endswith),
        "contains": lambda value, other: text_of(other) in value,
        "indexof": lambda value, other: value.find(text_of(other)),
        "lastindexof": lambda value, other: value.rfind(text_of(other)),
        "replace": lambda value, old, new: value.replace(text_of(old), text_of(new)),
        "split": _split, "padleft": lambda value, width, sign=" ": value.rjust(width, sign),
        "padright": lambda value, width, sign=" ": value.ljust(width, sign), "tochararray": list,
    },
    Thing: {"getbaseexception": _base},
    list: {
        "contains": lambda value, other: any(equal(each, other, case=True) for each in value),
        "clone": lambda value: value[:], "getlength": lambda value, _: len(value),
    },
    dict: {
        "containskey": lambda table, key: key_of(table, key) is not None,
        "contains": lambda table, key: key_of(table, key) is not None,
        "add": _add, "remove": _remove, "clear": dict.clear, "clone": dict.copy,
    },
    uuid.UUID: {
        "tostring": lambda value, how="D": {"D": str(value), "N": value.hex, "B": f"{{{value}}}"}[how.upper()],
        "tobytearray": lambda value: bytearray(value.bytes_le),
    },
    datetime.datetime: {
        "tostring": _date_text, "touniversaltime": _utc,
        "tofiletimeutc": lambda value: _ticks(_utc(value) - EPOCH_1601),
        "addseconds": lambda value, more: value + datetime.timedelta(seconds=more),
        "addminutes": lambda value, more: value + datetime.timedelta(minutes=more),
        "adddays": lambda value, more: value + datetime.timedelta(days=more),
    },
    datetime.timedelta: {"tostring": lambda value: span_text(value)},
    object: {"tostring": lambda value, how: _number_text(value, how)},
}  # fmt: skip


def _ends(value: str, other: Any, how: str, test: Callable[[str, str], bool]) -> bool:
    other = text_of(other)
    if how.lower().endswith("ignorecase"):
        return test(value.casefold(), other.casefold())
    return test(value, other)


def _number_text(value: Any, how: str) -> str:
    if isinstance(value, int) and re.fullmatch(r"[xX]\d*", how):
        return f"{value:0{how[1:] or 1}{how[0]}}"
    raise Refused(f"the format {how!r} of {type_name(value)}")


def is_custom(value: Any) -> bool:
    """Whether it is a [pscustomobject]."""
    return isinstance(value, Thing) and value.types[0] == CUSTOM
