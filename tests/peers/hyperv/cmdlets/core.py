"""Commands that every PowerShell has: selecting, filtering, writing, and which commands there are."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv import registry
from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.objects import CUSTOM, Member, Thing, listed
from tests.peers.hyperv.registry import Call, cmdlet, is_pattern, matches


@cmdlet("Select-Object", whole=True, everywhere=True)
def select(call: Call) -> Iterator[Any]:
    """Properties, or one property's value, of some of the objects; nothing is read after the last one wanted."""
    rows = _rows(call)
    last, skip = call.get("Last"), call.get("Skip", 0)
    if last is not None:
        kept = list(rows)
        yield from kept[max(0, len(kept) - skip - last) : len(kept) - skip]
        return
    first = call.get("First")
    yield from itertools.islice(rows, skip, None if first is None else skip + first)


def _rows(call: Call) -> Iterator[Any]:
    seen: set[str] = set()
    for at, item in enumerate(call.input):
        if call.get("Index") is not None and at not in call.get("Index"):
            continue
        for made in _selected(call, item):
            key = repr(made.properties) if isinstance(made, Thing) else str(made)
            if not call.switch("Unique") or key not in seen:
                seen.add(key)
                yield made


def _selected(call: Call, item: Any) -> list[Any]:
    expand = call.get("ExpandProperty")
    if expand is not None:
        if not isinstance(item, Thing) or expand not in item:
            call.error(
                Failure(
                    f'Property "{expand}" cannot be found.',
                    "ExpandPropertyNotFound",
                    "InvalidArgument",
                    item,
                    "System.Management.Automation.PSArgumentException",
                )
            )
            return []
        return listed(item[expand])
    wanted = call.get("Property")
    if wanted is None:
        return [item]
    base = item.types[0] if isinstance(item, Thing) else f"System.{type(item).__name__.title()}"
    made = Thing(f"Selected.{base}", CUSTOM)
    for each in wanted:
        if not isinstance(each, str):
            raise Failure("The peer selects properties by name only.", "NotModelled", "NotImplemented")
        known = list(item.properties) if isinstance(item, Thing) else []
        names = [name for name in known if matches(each, name)] if is_pattern(each) else [each]
        for name in names:
            real = item.name_of(name) if isinstance(item, Thing) else None
            value = item[name] if isinstance(item, Thing) and real else _intrinsic(item, name)
            made.properties[real or name] = value
    for each in call.get("ExcludeProperty", ()):
        for name in [name for name in made.properties if matches(each, name)]:
            del made.properties[name]
    return [made]


def _intrinsic(item: Any, name: str) -> Any:
    return len(item) if name.lower() == "length" and isinstance(item, str | bytes) else None


def property_of(item: Any, name: str) -> Any:
    """A property as the simplified syntax of Where-Object reads it: null where there is none."""
    return item.get(name) if isinstance(item, Thing) else _intrinsic(item, name)


def same(one: Any, other: Any) -> bool:
    """``-eq``, as far as commands need it: text without case, members of enumerations by name or number."""
    if isinstance(one, Member):
        return bool(one == other)
    if one is None or other is None:
        return one is other
    if isinstance(one, bool) or isinstance(other, bool):
        return bool(one) == bool(other) if not isinstance(other, str) else str(one).lower() == other.lower()
    return str(one).lower() == str(other).lower()


@cmdlet("Where-Object", whole=True, everywhere=True)
def where(call: Call) -> Iterator[Any]:
    """The objects whose property compares; a script block is not taken (scripts have their own)."""
    if call.get("FilterScript") is not None:
        raise Failure("The peer runs script blocks in scripts only.", "NotModelled", "NotImplemented", terminating=True)
    name, wanted = call.get("Property"), call.get("Value")
    for item in call.input:
        found = property_of(item, name)
        if _holds(call, found, wanted):
            yield item


def _holds(call: Call, found: Any, wanted: Any) -> bool:
    text, pattern = "" if found is None else str(found), "" if wanted is None else str(wanted)
    for switch, holds in (
        ("NE", lambda: not same(found, wanted)),
        ("Match", lambda: re.search(pattern, text, re.IGNORECASE) is not None),
        ("NotMatch", lambda: re.search(pattern, text, re.IGNORECASE) is None),
        ("Like", lambda: matches(pattern, text)),
        ("NotLike", lambda: not matches(pattern, text)),
        ("GT", lambda: found is not None and found > type(found)(wanted)),
        ("LT", lambda: found is not None and found < type(found)(wanted)),
        ("In", lambda: any(same(found, each) for each in listed(wanted))),
    ):
        if call.switch(switch):
            return bool(holds())
    if wanted is None and not call.switch("EQ"):
        return bool(found)
    return same(found, wanted)


@cmdlet("Sort-Object", whole=True, everywhere=True)
def sort(call: Call) -> Iterator[Any]:
    """All of them, in order."""
    names = [str(each) for each in call.get("Property", ())]

    def key(item: Any) -> list[Any]:
        values = [property_of(item, name) for name in names] if names else [item]
        return [(isinstance(each, str), each.lower() if isinstance(each, str) else each or 0) for each in values]

    yield from sorted(call.input, key=key, reverse=call.switch("Descending"))


@cmdlet("Measure-Object", whole=True, everywhere=True)
def measure(call: Call) -> Iterator[Any]:
    """How many, and of a property the sum and the like."""
    names = [str(each) for each in call.get("Property", ())]
    items = list(call.input)
    values = [property_of(each, names[0]) for each in items] if names else [x for x in items if isinstance(x, int)]
    numbers = [each for each in values if isinstance(each, int | float)]

    def told(switch: str, number: Any) -> Any:
        return number if call.switch(switch) and numbers else None

    yield Thing(
        "Microsoft.PowerShell.Commands.GenericMeasureInfo", Count=len(numbers if names else items),
        Average=told("Average", sum(numbers) / len(numbers) if numbers else 0), Sum=told("Sum", sum(numbers)),
        Maximum=told("Maximum", max(numbers, default=0)), Minimum=told("Minimum", min(numbers, default=0)),
        Property=names[0] if names else None,
    )  # fmt: skip


@cmdlet("Out-Null", whole=True, everywhere=True)
def out_null(call: Call) -> None:
    """Swallow everything."""
    for _ in call.input:
        pass


@cmdlet("Write-Output", everywhere=True)
def write_output(call: Call) -> Iterator[Any]:
    """The object itself."""
    yield call.get("InputObject")


@cmdlet("Write-Warning", everywhere=True)
def write_warning(call: Call) -> None:
    """A warning."""
    call.scope.streams.warning(call.get("Message"))


@cmdlet("Write-Information", everywhere=True)
def write_information(call: Call) -> None:
    """An information record."""
    call.scope.streams.information(call.get("MessageData"), list(call.get("Tags", ())))


@cmdlet("Write-Progress", everywhere=True)
def write_progress(call: Call) -> None:
    """A progress record."""
    percent = 100 if call.switch("Completed") else call.get("PercentComplete", -1)
    call.scope.streams.progress(call.get("Activity"), call.get("Status", "Processing"), percent)


@cmdlet("Write-Error", everywhere=True)
def write_error(call: Call) -> None:
    """An error that ends nothing."""
    raise Failure(
        call.get("Message"), call.get("ErrorId") or "Microsoft.PowerShell.Commands.WriteErrorException",
        call.get("Category") or "NotSpecified", call.get("TargetObject"),
        "Microsoft.PowerShell.Commands.WriteErrorException",
    )  # fmt: skip


@cmdlet("Start-Sleep", everywhere=True)
def start_sleep(call: Call) -> None:
    """Wait; Ctrl+C ends it."""
    registry.wait(call, call.get("Seconds") if call.set == "Seconds" else call.get("Milliseconds") / 1000)


@cmdlet("Get-Date", everywhere=True)
def get_date(call: Call) -> Iterator[Any]:
    """Now."""
    yield call.get("Date") or datetime.datetime.now().astimezone()


@cmdlet("Get-Command", everywhere=True)
def get_command(call: Call) -> Iterator[Any]:
    """Commands by name, with their parameters."""
    for wanted in call.get("Name") or ["*"]:
        found = [each for each in registry.commands().values() if matches(wanted, each.name) and _known(call, each)]
        if not found and not is_pattern(wanted):
            call.error(Failure(
                f"The term '{wanted}' is not recognized as the name of a cmdlet, function, script file, or operable "
                "program.", "CommandNotFoundException", "ObjectNotFound", wanted,
                "System.Management.Automation.CommandNotFoundException",
            ))  # fmt: skip
        for each in sorted(found, key=lambda each: each.name):
            yield _described(each)


def _known(call: Call, command: registry.Command) -> bool:
    hidden = call.host is not None and call.host.hidden(command.name)
    module = call.get("Module")
    return call.scope.place in command.places and not hidden and (not module or _module(command) in module)


def _module(command: registry.Command) -> str:
    kind = command.table.type
    for begin, name in (
        ("Microsoft.HyperV", "Hyper-V"), ("Microsoft.Vhd", "Hyper-V"),
        ("Microsoft.SystemCenter", "VirtualMachineManager"),
    ):  # fmt: skip
        if kind.startswith(begin):
            return name
    return "Microsoft.PowerShell.Management"


def _described(command: registry.Command) -> Thing:
    names = {name: each.type for parameters in command.table.sets.values() for name, each in parameters.items()}
    return Thing(
        "System.Management.Automation.CmdletInfo", "System.Management.Automation.CommandInfo", text=command.name,
        Name=command.name, CommandType=Member("System.Management.Automation.CommandTypes", "Cmdlet", 8),
        ModuleName=_module(command), Source=_module(command), Parameters=names, Version="2.0.0.0",
    )  # fmt: skip


@cmdlet("Get-Module", everywhere=True)
def get_module(call: Call) -> Iterator[Any]:
    """Modules that this host has."""
    there = sorted({_module(each) for each in registry.commands().values() if _known(call, each)})
    for wanted in call.get("Name") or ["*"]:
        for name in there:
            if matches(wanted, name):
                yield Thing("System.Management.Automation.PSModuleInfo", text=name, Name=name, Version="2.0.0.0",
                            ModuleType=Member("System.Management.Automation.ModuleType", "Binary", 1))  # fmt: skip


@cmdlet("Import-Module", everywhere=True)
def import_module(call: Call) -> None:
    """All that are there are loaded; one that is not is an error."""
    there = {_module(each).lower() for each in registry.commands().values() if _known(call, each)}
    for name in call.get("Name"):
        by_path = "\\" in name and call.files.path(name).is_file()
        if name.lower() not in there and not by_path:
            raise Failure(
                f"The specified module '{name}' was not loaded because no valid module file was found in any module "
                "directory.", "Modules_ModuleNotFound", "ResourceUnavailable", name, "System.IO.FileNotFoundException",
            )  # fmt: skip
        call.scope.session.setdefault("modules", set()).add("Hyper-V" if name.lower() == "hyper-v" else name)
