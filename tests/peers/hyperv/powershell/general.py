"""
The cmdlets of Microsoft.PowerShell.Core and .Utility that belong to the language rather than to a host.

Parameters as in the reference (Microsoft.PowerShell.Core, .Utility and .Management of 5.1); what is not in a command's
list here is refused. Files, processes and everything else that has a place is the peer's registry.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import json
import ntpath
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import Thing, record
from tests.peers.hyperv.powershell import members, operators
from tests.peers.hyperv.powershell.scopes import Arguments, Block, Context
from tests.peers.hyperv.powershell.syntax import Refused
from tests.peers.hyperv.powershell.values import equal, is_array, number_of, order, text_of, truth

Given = dict[str, Any]
Body = Callable[[Given, "Iterator[Any] | None", Context], "Iterable[Any] | None"]
GENERAL: dict[str, General] = {}


class General:
    """A command with its parameters: positional ones in their order, then the others; switches end in ``?``."""

    def __init__(self, name: str, body: Body, parameters: tuple[str, ...], positional: int) -> None:
        self.name, self.body = name, body
        self.parameters = {each.rstrip("?").lower(): each.rstrip("?") for each in parameters}
        self.places = [each.lower() for each in parameters[:positional]]
        self.switches = frozenset(each[:-1].lower() for each in parameters if each.endswith("?"))

    def __call__(self, arguments: Arguments, piped: Iterator[Any] | None, context: Context) -> Iterable[Any]:
        given: Given = {}
        for name, value in arguments.named:
            if name.lower() not in self.parameters:
                raise Refused(f"{self.name} -{name} is not known here", context.line)
            given[name.lower()] = value
        free = [each for each in self.places if each not in given]
        if len(arguments.positional) > len(free):
            raise Refused(f"{self.name} with so many values", context.line)
        given |= dict(zip(free, arguments.positional, strict=False))
        return self.body(given, piped, context) or ()


def general(name: str, *parameters: str, positional: int = 0) -> Callable[[Body], Body]:
    def register(body: Body) -> Body:
        GENERAL[name.lower()] = General(name, body, parameters, positional)
        return body

    return register


def _items(given: Given, piped: Iterator[Any] | None) -> Iterator[Any]:
    if piped is not None:
        yield from piped
    elif "inputobject" in given:
        yield from given["inputobject"] if is_array(given["inputobject"]) else [given["inputobject"]]


_TESTS = ("eq", "ne", "gt", "ge", "lt", "le", "like", "notlike", "match", "notmatch", "contains", "notcontains", "in",
          "notin")  # fmt: skip


@general("Where-Object", "FilterScript", "Property", "Value", "InputObject", *(f"{each.upper()}?" for each in _TESTS),
         positional=1)  # fmt: skip
def where_object(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    block = given.get("filterscript")
    word = next((each for each in _TESTS if each in given), None)
    if isinstance(block, str) or (block is None and word is not None):  # Where-Object -Property Id -Match -Value x
        name = given.get("property", block)
        value = given.get("value")
        for each in _items(given, piped):
            found = members.get(each, text_of(name), strict=False)
            if truth(operators.compare(f"-{word}", found, value) if word else found):
                yield each
        return
    if not isinstance(block, Block):
        raise Refused("Where-Object wants a script block", context.line)
    for each in _items(given, piped):
        context.check()
        if truth(list(context.call(block, each))):
            yield each


@general("ForEach-Object", "Process", "MemberName", "InputObject", positional=1)
def foreach_object(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    block = given.get("process", given.get("membername"))
    for each in _items(given, piped):
        context.check()
        if isinstance(block, Block):
            yield from context.call(block, each)
        else:
            found = members.get(each, text_of(block), strict=False)
            yield from found if is_array(found) else [found]


@general("Select-Object", "Property", "InputObject", "First", "Last", "Skip", "ExpandProperty", "Unique?", "Index",
         positional=1)  # fmt: skip
def select_object(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    skip, first = int(given.get("skip", 0)), given.get("first")
    items = itertools.islice(_items(given, piped), skip, None if first is None else skip + int(first))
    chosen: Iterable[Any] = items
    if "last" in given:
        every = list(items)
        chosen = every[len(every) - min(len(every), int(given["last"])) :]
    if "index" in given:
        raise Refused("Select-Object -Index", context.line)
    seen: list[Any] = []
    for each in chosen:
        made = _selected(given, each, context)
        for one in made:
            if given.get("unique") and any(equal(one, other, case=True) for other in seen):
                continue
            seen.append(one)
            yield one


def _selected(given: Given, item: Any, context: Context) -> list[Any]:
    if "expandproperty" in given:
        found = members.get(item, text_of(given["expandproperty"]), strict=True)
        return list(found) if is_array(found) else [found]
    if "property" not in given:
        return [item]
    names = given["property"] if is_array(given["property"]) else [given["property"]]
    made: dict[str, Any] = {}
    for name in names:
        if isinstance(name, dict):
            what = members.get(name, "Expression", strict=True)
            block = isinstance(what, Block)
            found = list(context.call(what, item)) if block else [members.get(item, text_of(what), strict=False)]
            made[text_of(members.get(name, "Name", strict=True))] = found[0] if len(found) == 1 else found or None
        elif "*" in text_of(name):
            raise Refused("Select-Object with a wildcard", context.line)
        else:
            made[text_of(name)] = members.get(item, text_of(name), strict=False)
    return [record(**made)]


@general("Sort-Object", "Property", "InputObject", "Descending?", "Unique?", positional=1)
def sort_object(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    keys = given.get("property", [])
    keys = list(keys) if is_array(keys) else [keys]

    def key(item: Any, of: Any) -> Any:
        if isinstance(of, Block):
            return next(iter(context.call(of, item)), None)
        return members.get(item, text_of(of), strict=False)

    def by(one: Any, two: Any) -> int:
        pairs = [(key(one, each), key(two, each)) for each in keys] or [(one, two)]
        return next((found for found in (order(*pair) for pair in pairs) if found), 0)

    found = sorted(_items(given, piped), key=functools.cmp_to_key(by), reverse=bool(given.get("descending")))
    for at, each in enumerate(found):
        if not (given.get("unique") and at and by(found[at - 1], each) == 0):
            yield each


@general("Measure-Object", "Property", "InputObject", "Sum?", "Maximum?", "Minimum?", positional=1)
def measure_object(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    items = [each for each in _items(given, piped) if each is not None]
    if "property" in given:
        items = [members.get(each, text_of(given["property"]), strict=False) for each in items]
    numbers = [each for each in items if isinstance(each, int | float)]
    made = Thing("Microsoft.PowerShell.Commands.GenericMeasureInfo", Count=len(items), Sum=None,
                 Maximum=None, Minimum=None)  # fmt: skip
    for name, of in (("Sum", lambda each: float(sum(each))), ("Maximum", max), ("Minimum", min)):
        if given.get(name.lower()) and numbers:
            made.set(name, float(of(numbers)))
    return [made]


@general("Out-Null", "InputObject")
def out_null(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
    for _ in piped or ():
        pass


@general("Write-Output", "InputObject", "NoEnumerate?", positional=1)
def write_output(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    if piped is None and given.get("noenumerate"):
        yield given["inputobject"]
    else:
        yield from _items(given, piped)


def _said(stream: str) -> Body:
    def say(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
        if piped is not None:
            raise Refused("what is piped to a Write cmdlet", context.line)
        context.write(stream, text_of(given.get("message", given.get("messagedata"))))

    return say


for _name, _stream in (("Write-Warning", "warning"), ("Write-Verbose", "verbose"), ("Write-Debug", "debug")):
    general(_name, "Message", positional=1)(_said(_stream))
general("Write-Information", "MessageData", positional=1)(_said("information"))


@general("Write-Error", "Message", "ErrorId", "Category", "TargetObject", positional=1)
def write_error(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
    context.error(Failure(
        text_of(given.get("message")),
        text_of(given.get("errorid", "Microsoft.PowerShell.Commands.WriteErrorException")),
        text_of(given.get("category", "NotSpecified")), given.get("targetobject"),
        "Microsoft.PowerShell.Commands.WriteErrorException",
    ))  # fmt: skip


@general("Write-Progress", "Activity", "Status", "Id", "PercentComplete", "SecondsRemaining", "Completed?",
         "CurrentOperation", positional=2)  # fmt: skip
def write_progress(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
    context.write("progress", {
        "Activity": text_of(given.get("activity")), "Status": text_of(given.get("status", "Processing")),
        "PercentComplete": int(given.get("percentcomplete", -1)), "Completed": bool(given.get("completed", False)),
    })  # fmt: skip


@general("Start-Sleep", "Seconds", "Milliseconds", positional=1)
def start_sleep(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
    end = time.monotonic() + float(given.get("seconds", 0)) + float(given.get("milliseconds", 0)) / 1000
    while (left := end - time.monotonic()) > 0:
        context.check()
        time.sleep(min(left, 0.02))


@general("Get-Date")
def get_date(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    return [datetime.datetime.now().astimezone()]


@general("New-TimeSpan", "Days", "Hours", "Minutes", "Seconds")
def new_timespan(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    return [datetime.timedelta(**{name: int(value) for name, value in given.items()})]


@general("New-Object", "TypeName", "ArgumentList", "Property", positional=2)
def new_object(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    name, arguments = text_of(given.get("typename")), given.get("argumentlist", [])
    if name.lower() in ("psobject", "pscustomobject", "object", "system.object"):
        return [record(**given.get("property", {}))]
    return [context.runner.statics.make(name, list(arguments) if isinstance(arguments, list) else [arguments])]


@general("Add-Member", "InputObject", "NotePropertyName", "NotePropertyValue", "PassThru?", "Force?")
def add_member(given: Given, piped: Iterator[Any] | None, context: Context) -> Iterator[Any]:
    for each in _items(given, piped):
        if not isinstance(each, Thing):
            raise Refused("Add-Member of what is no object", context.line)
        name = text_of(given["notepropertyname"])
        if name in each and not given.get("force"):
            raise Failure(f'Cannot add a member with the name "{name}" because a member with that name already exists.',
                          "MemberAlreadyExists,Microsoft.PowerShell.Commands.AddMemberCommand", "InvalidOperation",
                          each)  # fmt: skip
        each.set(name, given.get("notepropertyvalue"))
        if given.get("passthru"):
            yield each


@general("Join-Path", "Path", "ChildPath", positional=2)
def join_path(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    child = text_of(given.get("childpath")).lstrip("\\/")
    return [text_of(each).rstrip("\\/") + "\\" + child for each in _many(given.get("path"))]


@general("Split-Path", "Path", "LiteralPath", "Parent?", "Leaf?", "Qualifier?", positional=1)
def split_path(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    of = ntpath.basename if given.get("leaf") else ntpath.dirname
    if given.get("qualifier"):
        return [ntpath.splitdrive(text_of(each))[0] for each in _many(given.get("path", given.get("literalpath")))]
    return [of(text_of(each).rstrip("\\")) for each in _many(given.get("path", given.get("literalpath")))]


def _many(value: Any) -> list[Any]:
    return list(value) if is_array(value) else [value]


@general("ConvertTo-Json", "InputObject", "Depth", "Compress?", positional=1)
def convert_to_json(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    items = list(piped) if piped is not None else [given.get("inputobject")]
    depth = int(number_of(given.get("depth", 2), "Int32"))
    plain = _jsonable(items[0] if len(items) == 1 else items, depth, context)
    return [json.dumps(plain, separators=(",", ":")) if given.get("compress") else json.dumps(plain, indent=4)]


def _jsonable(value: Any, depth: int, context: Context) -> Any:
    if isinstance(value, Thing | dict):
        if depth < 0:
            raise Refused("ConvertTo-Json cuts off what is deeper than -Depth", context.line)
        pairs = value.properties if isinstance(value, Thing) else value
        return {text_of(name): _jsonable(each, depth - 1, context) for name, each in pairs.items()}
    if is_array(value):
        return [_jsonable(each, depth - 1, context) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else text_of(value)


@general("ConvertFrom-Json", "InputObject", positional=1)
def convert_from_json(given: Given, piped: Iterator[Any] | None, context: Context) -> list[Any]:
    text = "\n".join(text_of(each) for each in _items(given, piped))
    try:
        found = json.loads(text, object_hook=lambda pairs: record(**pairs))
    except ValueError as wrong:
        raise Failure(f"Invalid JSON primitive: {wrong}", "System.ArgumentException,Microsoft.PowerShell.Commands."
                      "ConvertFromJsonCommand", kind="System.ArgumentException",
                      terminating=True) from None  # fmt: skip
    return [found]


@general("Set-StrictMode", "Version", "Off?")
def set_strict_mode(given: Given, piped: Iterator[Any] | None, context: Context) -> None:
    context.runner.strict = "version" in given
