"""param(): what a script, function or block is given, bound and converted (about_Functions_Advanced_Parameters)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.peers.hyperv.failures import BINDING, Failure
from tests.peers.hyperv.powershell.syntax import child, children, plain, refused, text
from tests.peers.hyperv.powershell.values import convert, is_array, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

VALIDATION = "System.Management.Automation.ParameterBindingValidationException"

_KNOWN = frozenset({
    "parameter", "validateset", "validatenotnullorempty", "validatenotnull", "allowemptystring", "allownull",
    "allowemptycollection", "validaterange",
})  # fmt: skip


@dataclass
class Parameter:
    """One parameter of a param()."""

    name: str
    type: str | None = None
    mandatory: bool = False
    default: Node | None = None
    checks: dict[str, Node] = field(default_factory=dict)
    """Attributes by lower-case name."""


def declared(block: Node | None) -> list[Parameter]:
    """The parameters of a param_block."""
    found = child(block, "parameter_list") if block is not None else None
    return [_parameter(each) for each in children(found)] if found is not None else []


def _parameter(node: Node) -> Parameter:
    name = child(node, "variable")
    assert name is not None
    made = Parameter(text(name).removeprefix("$"))
    attributes = child(node, "attribute_list")
    for each in children(attributes) if attributes is not None else []:
        literal = child(each, "type_literal")
        if literal is not None:
            made.type = text(literal)[1:-1]
            continue
        kind = child(each, "attribute_name")
        if kind is None or text(kind).lower() not in _KNOWN:
            raise refused(each, "an attribute that is not known here")
        made.checks[text(kind).lower()] = each
        if text(kind).lower() == "parameter":
            made.mandatory = made.mandatory or _is_mandatory(each)
    default = child(node, "script_parameter_default")
    if default is not None:
        made.default = children(default)[0]
    return made


def _is_mandatory(attribute: Node) -> bool:
    arguments = child(attribute, "attribute_arguments")
    for each in children(arguments) if arguments is not None else []:
        name = text(children(each)[0]).lower()
        if name == "mandatory":
            return not text(each).replace(" ", "").lower().endswith("=$false")
        if name not in ("position", "valuefrompipeline", "helpmessage"):
            raise refused(each, "an argument of [Parameter()] that is not known here")
    return False


def bind(
    parameters: list[Parameter],
    named: Iterable[tuple[str, Any]] | Mapping[str, Any],
    positional: Iterable[Any],
    evaluate: Callable[[Node], Any],
    *,
    takes_more: bool = False,
) -> tuple[dict[str, Any], dict[str, str], list[Any]]:
    """(values by lower-case name, types by lower-case name, what was left over). Failure as PowerShell has it."""
    given: dict[str, Any] = {}
    for name, value in named.items() if isinstance(named, Mapping) else named:
        parameter = _named(parameters, name)
        if parameter.name.lower() in given:
            raise _wrong("ParameterAlreadyBound", f"Cannot bind parameter because parameter '{parameter.name}' is "
                         "specified more than once.")  # fmt: skip
        given[parameter.name.lower()] = value
    left = list(positional)
    for parameter in parameters:
        if parameter.name.lower() not in given and left and (parameter.type or "").lower() != "switch":
            given[parameter.name.lower()] = left.pop(0)
    if left and not takes_more:
        raise _wrong("PositionalParameterNotFound", "A positional parameter cannot be found that accepts argument "
                     f"'{text_of(left[0])}'.")  # fmt: skip
    missing = [each.name for each in parameters if each.mandatory and each.name.lower() not in given]
    if missing:
        raise _wrong("MissingMandatoryParameter", "Cannot process command because of one or more missing mandatory "
                     f"parameters: {' '.join(missing)}.")  # fmt: skip
    values: dict[str, Any] = {}
    for parameter in parameters:
        key = parameter.name.lower()
        if key in given:
            values[key] = _converted(parameter, given[key], evaluate)
        elif parameter.default is not None:
            values[key] = _typed(parameter, evaluate(parameter.default))
        else:
            values[key] = _unset(parameter)
    types = {each.name.lower(): each.type for each in parameters if each.type}
    return values, types, left


def _named(parameters: list[Parameter], name: str) -> Parameter:
    lower = name.lower()
    exact = [each for each in parameters if each.name.lower() == lower]
    begun = exact or [each for each in parameters if each.name.lower().startswith(lower)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise _wrong("AmbiguousParameter", f"Parameter cannot be processed because the parameter name '{name}' is "
                     "ambiguous.")  # fmt: skip
    raise _wrong("NamedParameterNotFound", f"A parameter cannot be found that matches parameter name '{name}'.")


def _unset(parameter: Parameter) -> Any:
    """A parameter nobody gave: text is '', numbers are 0, a switch is off, the rest is $null."""
    kind = (parameter.type or "").lower()
    if kind in ("string", "switch", "bool", "int", "long", "uint32", "uint64", "int32", "int64", "byte", "double"):
        return convert(kind, None)
    return None


def _converted(parameter: Parameter, value: Any, evaluate: Callable[[Node], Any]) -> Any:
    if parameter.mandatory:
        _there(parameter, value)
    made = _typed(parameter, value)
    for name, attribute in parameter.checks.items():
        _check(parameter, name, attribute, made, evaluate)
    return made


def _there(parameter: Parameter, value: Any) -> None:
    what = {"": "EmptyString"}.get(value) if isinstance(value, str) else None
    if value is None and "allownull" not in parameter.checks:
        what = "Null"
    elif is_array(value) and not value and "allowemptycollection" not in parameter.checks:
        what = "EmptyArray" if not isinstance(value, bytes | bytearray) else "EmptyCollection"
    if what == "EmptyString" and "allowemptystring" in parameter.checks:
        return
    if what:
        said = {"Null": "null", "EmptyString": "an empty string"}.get(what, "an empty array")
        raise Failure(f"Cannot bind argument to parameter '{parameter.name}' because it is {said}.",
                      f"ParameterArgumentValidationError{what}NotAllowed", "InvalidData", None, VALIDATION,
                      terminating=True)  # fmt: skip


def _typed(parameter: Parameter, value: Any) -> Any:
    if parameter.type is None:
        return value
    kind = parameter.type.lower()
    strict = {"switch": "SwitchParameter", "bool": "Boolean"}.get(kind)
    if strict and isinstance(value, str):  # about_Booleans: a parameter takes no text, a cast does
        raise _wrong("ParameterArgumentTransformationError", f"Cannot process argument transformation on parameter "
                     f"'{parameter.name}'. Cannot convert value \"{value}\" to type \"System.{strict}\".")  # fmt: skip
    if kind in ("string", "guid") and is_array(value):
        raise _wrong("ParameterArgumentTransformationError", f"Cannot process argument transformation on parameter "
                     f"'{parameter.name}'. Cannot convert value to type System.String.")  # fmt: skip
    try:
        return convert(parameter.type, value)
    except Failure as wrong:
        raise _wrong("ParameterArgumentTransformationError", f"Cannot process argument transformation on parameter "
                     f"'{parameter.name}'. {wrong}") from None  # fmt: skip


def _check(parameter: Parameter, name: str, attribute: Node, value: Any, evaluate: Callable[[Node], Any]) -> None:
    arguments = child(attribute, "attribute_arguments")
    given = [evaluate(plain(children(each)[0])) for each in children(arguments)] if (
        arguments is not None and name.startswith("validate")) else []  # fmt: skip
    values = value if is_array(value) else [value]
    wrong = ""
    known = {text_of(each).lower() for each in given}
    if name == "validateset" and any(text_of(each).lower() not in known for each in values):
        wrong = f'The argument "{text_of(value)}" does not belong to the set "{",".join(map(text_of, given))}".'
    elif name == "validaterange" and any(not given[0] <= each <= given[1] for each in values):
        wrong = f"The {text_of(value)} argument is not in the range {given[0]} to {given[1]}."
    elif name.startswith("validatenotnull") and (value is None or (name.endswith("empty") and value in ("", []))):
        wrong = "The argument is null or empty."
    if wrong:
        raise Failure(f"Cannot validate argument on parameter '{parameter.name}'. {wrong}",
                      "ParameterArgumentValidationError", "InvalidData", None, VALIDATION,
                      terminating=True)  # fmt: skip


def _wrong(fqid: str, message: str) -> Failure:
    return Failure(message, fqid, "InvalidArgument", None, BINDING, terminating=True)
