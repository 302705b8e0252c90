"""
Operators (about_Operators, about_Comparison_Operators, about_Arithmetic_Operators, about_Split, about_Join).

An array on the left of a comparison filters; text is compared without case unless the operator begins with a c.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable
from typing import Any

from tests.peers.hyperv.conversion import RANGES, type_name
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Sized, Thing
from tests.peers.hyperv.powershell.syntax import Refused
from tests.peers.hyperv.powershell.values import (
    convert,
    equal,
    is_array,
    number_of,
    order,
    read_number,
    sized,
    text_of,
    width_of,
)
from tests.peers.hyperv.registry import matches

_RANKS = ("Int32", "UInt32", "Int64", "UInt64")


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """``+ - * / %``."""
    if operator == "+":
        if isinstance(left, list | tuple | bytes | bytearray):
            return [*left, *(right if is_array(right) else [right])]
        if isinstance(left, str):
            return left + text_of(right)
        if isinstance(left, dict) and isinstance(right, dict):
            return _merged(left, right)
    if operator == "*" and isinstance(left, str | list):
        return left * int(number_of(right, "Int32"))
    special = _times(operator, left, right)
    if special is not None:
        return special
    return _numbers(operator, left, right)


def _merged(left: dict[Any, Any], right: dict[Any, Any]) -> dict[Any, Any]:
    for key in right:
        if key_of(left, key) is not None:
            raise Failure(f"Item has already been added. Key in dictionary: '{text_of(key)}'",
                          "AddHashTableToHashTable", "InvalidOperation", terminating=True)  # fmt: skip
    return {**left, **right}


def key_of(table: dict[Any, Any], key: Any) -> Any:
    """The key of a hashtable as it is there, None where it is not."""
    if key in table:
        return key
    if isinstance(key, str):
        return next((each for each in table if isinstance(each, str) and each.casefold() == key.casefold()), None)
    return None


def _times(operator: str, left: Any, right: Any) -> Any:
    if isinstance(left, datetime.datetime) and isinstance(right, datetime.datetime | datetime.timedelta):
        return left - right if operator == "-" else left + right if isinstance(right, datetime.timedelta) else None
    if isinstance(left, datetime.timedelta) and isinstance(right, datetime.timedelta):
        return left - right if operator == "-" else left + right
    return None


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return read_number(value, "System.Int32")
    if value is None or isinstance(value, bool):
        return int(value or 0)
    raise Failure(f"Method invocation failed because [{type_name(value)}] does not contain a method named "
                  "'op_Addition' or its like.", "MethodNotFound", "InvalidOperation", terminating=True)  # fmt: skip


def _numbers(operator: str, left: Any, right: Any) -> int | float:
    one, two = _number(left), _number(right)
    if operator in "/%" and two == 0 and isinstance(one, int) and isinstance(two, int):
        raise Failure("Attempted to divide by zero.", "RuntimeException", "NotSpecified",
                      kind="System.DivideByZeroException", terminating=True)  # fmt: skip
    if isinstance(one, float) or isinstance(two, float):
        return _floats(operator, float(one), float(two))
    width = _common(one, two)
    if operator == "/":
        if one % two:
            return one / two
        result = one // two
    elif operator == "%":
        result = abs(one) % abs(two) * (1 if one >= 0 else -1)  # the sign is the dividend's
    else:
        result = {"+": one + two, "-": one - two, "*": one * two}[operator]
    low, high = RANGES[width]
    return sized(width, result) if low <= result < high else float(result)


def _floats(operator: str, one: float, two: float) -> float:
    if operator in "/%" and two == 0:
        raise Refused("a floating point division by zero")
    if operator == "%":
        return math.fmod(one, two)
    return {"+": one + two, "-": one - two, "*": one * two, "/": one / two if two else 0.0}[operator]


def _common(one: int, two: int) -> str:
    """The type two integers are brought to: Int32 unless one is wider; UInt32 with a signed one gives Int64."""
    widths = [("Int32" if (width_of(each) or "Int32") not in _RANKS else str(width_of(each))) for each in (one, two)]
    widest = max(widths, key=_RANKS.index)
    if widest == "UInt32" and "Int32" in widths and min(one, two) < 0:
        return "Int64"
    if widest == "UInt64" and min(one, two) < 0:
        raise Refused("a negative number with an UInt64: PowerShell goes over to decimals")
    return widest


def bits(operator: str, left: Any, right: Any) -> int:
    """``-band -bor -bxor -shl -shr``."""
    one, two = _number(left), _number(right)
    if isinstance(one, float) or isinstance(two, float):
        raise Refused("bits of a floating point number")
    width = _common(one, two) if operator not in ("-shl", "-shr") else _common(one, 0)
    size = 64 if "64" in width else 32
    if operator in ("-shl", "-shr"):
        by = two & (size - 1)
        result = one << by if operator == "-shl" else one >> by
    else:
        result = {"-band": one & two, "-bor": one | two, "-bxor": one ^ two}[operator]
    result &= (1 << size) - 1
    if not width.startswith("U") and result >= 1 << (size - 1):
        result -= 1 << size
    return sized(width, result)


def _pattern(operator: str, right: Any) -> re.Pattern[str]:
    written = re.sub(r"\(\?<(?![=!])", "(?P<", text_of(right))  # named groups are written without P in .NET
    try:
        return re.compile(written, 0 if operator.startswith("-c") else re.IGNORECASE)
    except re.error as wrong:
        raise Refused(f"a regular expression that is not known here: {text_of(right)!r}: {wrong}") from None


def _tests(operator: str) -> Callable[[Any, Any], bool] | None:
    word = operator.removeprefix("-")
    if word[:1] in "ci" and word[1:] in _COMPARISONS:
        word, case = word[1:], word[0] == "c"
    else:
        case = False
    if word not in _COMPARISONS:
        return None
    return lambda one, two: _COMPARISONS[word](one, two, case)


_COMPARISONS: dict[str, Callable[[Any, Any, bool], bool]] = {
    "eq": lambda one, two, case: equal(one, two, case=case),
    "ne": lambda one, two, case: not equal(one, two, case=case),
    "gt": lambda one, two, case: order(one, two, case=case) > 0,
    "ge": lambda one, two, case: order(one, two, case=case) >= 0,
    "lt": lambda one, two, case: order(one, two, case=case) < 0,
    "le": lambda one, two, case: order(one, two, case=case) <= 0,
    "like": lambda one, two, case: _like(one, two, case),
    "notlike": lambda one, two, case: not _like(one, two, case),
    "match": lambda one, two, case: bool(_pattern("-c" if case else "", two).search(text_of(one))),
    "notmatch": lambda one, two, case: not _pattern("-c" if case else "", two).search(text_of(one)),
}


def _like(one: Any, two: Any, case: bool) -> bool:
    if case:
        raise Refused("-clike")
    return matches(text_of(two), text_of(one))


def compare(operator: str, left: Any, right: Any) -> Any:
    """A comparison, containment, replacement, split or join."""
    test = _tests(operator)
    if test is not None:
        if is_array(left):
            return [each for each in left if test(each, right)]
        return test(left, right)
    if operator in ("-contains", "-notcontains", "-in", "-notin"):
        many, one = (left, right) if operator.endswith("contains") else (right, left)
        found = any(equal(each, one) for each in (many if is_array(many) else [many]))
        return found != operator.startswith("-not")
    if operator in ("-replace", "-creplace", "-ireplace"):
        return _replace(operator, left, right)
    if operator in ("-split", "-csplit", "-isplit"):
        return _split(operator, left, right)
    if operator == "-join":
        return text_of(right).join(text_of(each) for each in (left if is_array(left) else [left]))
    raise Refused(f"the operator {operator} is not known here")


def match_table(operator: str, left: Any, right: Any) -> dict[Any, Any] | None:
    """What ``$Matches`` is after a -match with a scalar on the left."""
    found = None if is_array(left) else _pattern(operator, right).search(text_of(left))
    if found is None:
        return None
    groups: dict[Any, Any] = {0: found[0]}
    names = {number: name for name, number in found.re.groupindex.items()}
    for number, value in enumerate(found.groups(), 1):
        if value is not None:
            groups[names.get(number, number)] = value
    return groups


def _replace(operator: str, left: Any, right: Any) -> Any:
    pattern, new = ((right[0], right[1]) if is_array(right) and len(right) > 1 else
                    (right[0] if is_array(right) else right, ""))  # fmt: skip
    if "$" in text_of(new):
        new = re.sub(r"\$\$", "$", re.sub(r"\$\{?(\d+)\}?", r"\\g<\1>", text_of(new).replace("\\", r"\\")))
    else:
        new = text_of(new).replace("\\", r"\\")
    compiled = _pattern(operator, pattern)
    if is_array(left):
        return [compiled.sub(new, text_of(each)) for each in left]
    return compiled.sub(new, text_of(left))


def _split(operator: str, left: Any, right: Any) -> list[str]:
    parts = list(right) if is_array(right) else [right]
    if len(parts) > 2:
        raise Refused("-split with options")
    limit = int(number_of(parts[1], "Int32")) if len(parts) > 1 else 0
    if limit < 0:
        raise Refused("-split from the right")
    compiled = _pattern(operator, parts[0])
    return [piece for each in (left if is_array(left) else [left])
            for piece in compiled.split(text_of(each), maxsplit=max(0, limit - 1) if limit else 0)] if limit != 1 else (
        [text_of(each) for each in (left if is_array(left) else [left])])  # fmt: skip


def is_type(value: Any, name: str) -> bool:
    """``-is [name]``."""
    wanted = name.lower().removeprefix("system.")
    if isinstance(value, Thing):
        return value.is_a(name) or wanted in ("object", "psobject")
    if value is None:
        return False
    if isinstance(value, list | tuple):
        return wanted in ("array", "object[]", "object", "collections.ienumerable")
    if isinstance(value, bytes | bytearray):
        return wanted in ("array", "byte[]", "object", "collections.ienumerable")
    if isinstance(value, dict):
        return wanted in ("hashtable", "collections.hashtable", "collections.idictionary", "object")
    if isinstance(value, Failure):
        return wanted in ("management.automation.errorrecord", "object")
    if wanted == "int" and isinstance(value, int) and not isinstance(value, bool | Sized):
        return width_of(value) == "Int32"
    short = {"int": "int32", "long": "int64", "bool": "boolean", "uint": "uint32"}.get(wanted, wanted)
    return short in (type_name(value).lower().removeprefix("system."), "object")


def as_type(value: Any, name: str) -> Any:
    """``-as [name]``: $null where it does not convert."""
    try:
        return convert(name, value)
    except Failure:
        return None


def formatted(template: Any, values: Any) -> str:
    """``-f`` with plain places and a few formats."""
    given = list(values) if isinstance(values, list | tuple) else [values]

    def place(found: re.Match[str]) -> str:
        value = given[int(found[1])]
        how = found[2] or ""
        if not how:
            return text_of(value)
        if re.fullmatch(r"[xX]\d*", how):
            bits = 32 if -(2**31) <= int(value) < 2**31 else 64  # A negative number is shown as its two's complement.
            return f"{int(value) % (1 << bits):0{how[1:] or 1}{how[0]}}"
        if re.fullmatch(r"[dD]\d*", how):
            return f"{int(value):0{how[1:] or 1}d}"
        raise Refused(f"the format {{{found[1]}:{how}}}")

    return re.sub(r"\{(\d+)(?::([^}]*))?\}", place, text_of(template)).replace("{{", "{").replace("}}", "}")
