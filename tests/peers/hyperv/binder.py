"""
The parameter binder: which parameter set a call is of, with what values; refused as PowerShell refuses.

Ids are those of System.Management.Automation's resources: ``NamedParameterNotFound``, ``AmbiguousParameter``,
``ParameterAlreadyBound``, ``PositionalParameterNotFound``, ``AmbiguousParameterSet``, ``MissingMandatoryParameter``,
``CannotConvertArgumentNoMessage``, ``ParameterArgumentValidationError…NotAllowed``, ``InputObjectNotBound``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.peers.hyperv.conversion import Refused, convert
from tests.peers.hyperv.failures import BINDING, Failure
from tests.peers.hyperv.objects import Thing
from tests.peers.hyperv.tables import ALIASES, COMMON, Parameter, Table

VALIDATION = "System.Management.Automation.ParameterBindingValidationException"
ACTIONS = {"silentlycontinue": 0, "stop": 1, "continue": 2, "inquire": 3, "ignore": 4, "suspend": 5}


@dataclass
class Bound:
    """What is bound so far: values by the parameter's full name, common ones apart, and the sets still possible."""

    table: Table
    sets: list[str]
    values: dict[str, Any] = field(default_factory=dict)
    common: dict[str, Any] = field(default_factory=dict)


def refuse(table: Table, what: str, message: str, category: str = "InvalidArgument", kind: str = BINDING) -> Failure:
    """A binding error of this command."""
    return Failure(message, f"{what},{table.type}", category, None, kind, terminating=True)


def bind(table: Table, named: Iterable[tuple[str, Any]], positional: Iterable[Any] = ()) -> Bound:
    """What the command line gives; which set it is comes with ``settle``."""
    bound = Bound(table, list(table.sets))
    for name, value in named:
        full = full_name(table, name)
        if full in bound.values or full in bound.common:
            raise refuse(table, "ParameterAlreadyBound", f"Cannot bind parameter because parameter '{full}' is "
                         "specified more than once.")  # fmt: skip
        if full in COMMON:
            bound.common[full] = _preference(table, full, value)
            continue
        bound.sets = [each for each in bound.sets if full in table.sets[each]]
        if not bound.sets:
            raise _no_set(table)
        bound.values[full] = _converted(table, table.sets[bound.sets[0]][full], value)
    for value in positional:
        _positional(bound, value)
    return bound


def full_name(table: Table, given: str) -> str:
    """The parameter that a name, an alias or the beginning of a name stands for."""
    name = given.lstrip("-").rstrip(":").lower()
    known = {each.lower(): each for parameters in table.sets.values() for each in parameters}
    known |= {each.lower(): each for each in COMMON}
    found = known.get(name) or known.get(ALIASES.get(name, "").lower())
    if found:
        return found
    begun = [full for lower, full in known.items() if name and lower.startswith(name)]
    if len(begun) > 1:
        possible = " ".join(f"-{each}" for each in begun)
        raise refuse(table, "AmbiguousParameter", f"Parameter cannot be processed because the parameter name '{given}' "
                     f"is ambiguous. Possible matches include: {possible}.")  # fmt: skip
    if not begun:
        raise refuse(table, "NamedParameterNotFound",
                     f"A parameter cannot be found that matches parameter name '{given}'.")  # fmt: skip
    return begun[0]


def settle(bound: Bound, *, piped: bool) -> str | None:
    """
    The parameter set, the first of those that have all they must; with ``piped`` None where input has yet to say.

    The documentation's first set is taken for the default one.
    """
    table = bound.table
    complete = [each for each in bound.sets if not missing(bound, each)]
    if complete:
        return complete[0]
    if piped and any(not _hopeless(bound, each) for each in bound.sets):
        return None
    if len(bound.sets) > 1 and bound.values:
        apart = min(bound.sets, key=lambda each: len(missing(bound, each)))
        if sum(len(missing(bound, each)) == len(missing(bound, apart)) for each in bound.sets) > 1:
            raise _no_set(table)
    else:
        apart = bound.sets[0]
    names = " ".join(missing(bound, apart))
    raise refuse(table, "MissingMandatoryParameter",
                 f"Cannot process command because of one or more missing mandatory parameters: {names}.")  # fmt: skip


def missing(bound: Bound, name: str) -> list[str]:
    """The mandatory parameters of a set that have no value."""
    return [each.name for each in bound.table.sets[name].values() if each.mandatory and each.name not in bound.values]


def take(bound: Bound, item: Any) -> Bound:
    """
    The same call with a piped object bound: by value, by property names, by value with conversion, in this order.

    A Failure that does not end the pipeline where it fits nowhere.
    """
    made = Bound(bound.table, list(bound.sets), dict(bound.values), bound.common)
    for attempt in (_by_value, _by_names, _by_conversion):
        if attempt(made, item):
            return made
    raise Failure(
        "The input object cannot be bound to any parameters for the command either because the command does not take "
        "pipeline input or the input and its properties do not match any of the parameters that take pipeline input.",
        f"InputObjectNotBound,{bound.table.type}", "InvalidArgument", item, BINDING,
    )  # fmt: skip


def _piped(bound: Bound, mark: str) -> list[tuple[str, Parameter]]:
    return [
        (name, each)
        for name in bound.sets
        for each in bound.table.sets[name].values()
        if getattr(each, mark) and each.name not in bound.values
    ]


def _hopeless(bound: Bound, name: str) -> bool:
    parameters = bound.table.sets[name]
    return any(not (parameters[each].by_value or parameters[each].by_name) for each in missing(bound, name))


def _fix(bound: Bound, name: str, value: Any) -> None:
    bound.values[name] = value
    bound.sets = [each for each in bound.sets if name in bound.table.sets[each]]


def _by_value(bound: Bound, item: Any) -> bool:
    for _, each in _piped(bound, "by_value"):
        if each.type.removesuffix("[]") in ("Object", "PSObject") or not isinstance(item, str):
            if each.type.removesuffix("[]") in ("String", "Guid"):
                continue
            try:
                _fix(bound, each.name, convert(each.type, item))
            except Refused:
                continue
            return True
    return False


def _by_names(bound: Bound, item: Any) -> bool:
    if not isinstance(item, Thing):
        return False
    any_bound = False
    for name, each in _piped(bound, "by_name"):
        if name in bound.sets and each.name not in bound.values and item.get(each.name) is not None:
            try:
                _fix(bound, each.name, convert(each.type, item.get(each.name)))
            except Refused:
                continue
            any_bound = True
    return any_bound


def _by_conversion(bound: Bound, item: Any) -> bool:
    for _, each in _piped(bound, "by_value"):
        if each.type.removesuffix("[]") == "String" and isinstance(item, Thing):
            continue  # it would convert, to the name of its type; nobody means that
        try:
            _fix(bound, each.name, convert(each.type, item))
        except Refused:
            continue
        return True
    return False


def _positional(bound: Bound, value: Any) -> None:
    free = sorted(
        {(each.position, each.name) for name in bound.sets for each in bound.table.sets[name].values()
         if each.position is not None and each.name not in bound.values}
    )  # fmt: skip
    for _, name in free:
        parameter = next(bound.table.sets[each][name] for each in bound.sets if name in bound.table.sets[each])
        _fix(bound, name, _converted(bound.table, parameter, value))
        return
    raise refuse(bound.table, "PositionalParameterNotFound",
                 f"A positional parameter cannot be found that accepts argument '{value}'.")  # fmt: skip


def _converted(table: Table, parameter: Parameter, value: Any) -> Any:
    empty = {"": "EmptyString", None: "Null"}.get(value) if value is None or isinstance(value, str) else None
    if parameter.mandatory and empty and parameter.type.removesuffix("[]") in ("String", "Guid"):
        raise refuse(table, f"ParameterArgumentValidationError{empty}NotAllowed", f"Cannot bind argument to parameter "
                     f"'{parameter.name}' because it is {'null' if value is None else 'an empty string'}.",
                     "InvalidData", VALIDATION)  # fmt: skip
    try:
        return convert(parameter.type, value)
    except Refused as why:
        raise refuse(table, "CannotConvertArgumentNoMessage",
                     f"Cannot bind parameter '{parameter.name}'. {why}") from None  # fmt: skip


def _preference(table: Table, name: str, value: Any) -> Any:
    if COMMON[name] != "ActionPreference":
        return _converted(table, Parameter(name, COMMON[name]), value)
    text = str(value).lower()
    text = next((key for key, number in ACTIONS.items() if text in (key, str(number))), "")
    if not text:
        raise refuse(table, "CannotConvertArgumentNoMessage", f"Cannot bind parameter '{name}'. Cannot convert value "
                     f'"{value}" to type "System.Management.Automation.ActionPreference".')  # fmt: skip
    return text


def _no_set(table: Table) -> Failure:
    return refuse(
        table, "AmbiguousParameterSet", "Parameter set cannot be resolved using the specified named parameters."
    )
