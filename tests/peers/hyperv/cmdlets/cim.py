"""CIM: the image management service with its jobs on the host, Win32_Process in guests, a few classes of Windows."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from tests.peers.hyperv.failures import Failure
from tests.peers.hyperv.host.jobs import Job
from tests.peers.hyperv.objects import Sized, Thing
from tests.peers.hyperv.registry import Call, cmdlet

INSTANCE = "Microsoft.Management.Infrastructure.CimInstance"
EXCEPTION = "Microsoft.Management.Infrastructure.CimException"
V2 = "root/virtualization/v2"
SETTINGS = {
    "Type", "Format", "Path", "ParentPath", "ParentTimestamp", "ParentIdentifier", "MaxInternalSize", "BlockSize",
    "LogicalSectorSize", "PhysicalSectorSize", "VirtualDiskId", "DataAlignment", "PmemAddressAbstractionType",
    "IsPmemCompatible", "InstanceID", "Caption", "Description", "ElementName",
}  # fmt: skip
"""Properties of Msvm_VirtualHardDiskSettingData (learn.microsoft.com, hyperv_v2)."""
KINDS = {"2": "Fixed", "3": "Dynamic", "4": "Differencing"}
FAILED, INVALID = 32768, 32773


def instance(namespace: str, name: str, **properties: Any) -> Thing:
    """An instance of a class."""
    return Thing(f"{INSTANCE}#{namespace}/{name}", INSTANCE, text=name, keep=name, **properties, PSComputerName=None)


def wrong(text: str, code: str, category: str = "NotSpecified") -> Failure:
    """What CIM cmdlets fail with: the HRESULT is the id."""
    return Failure(text, f"HRESULT {code}", category, None, EXCEPTION)


def classes(call: Call) -> dict[str, Any]:
    """The classes this place knows: namespace and function, by lower-case name."""
    if call.scope.place == "guest":
        return {"win32_process": ("root/cimv2", _processes), "win32_operatingsystem": ("root/cimv2", _system)}
    return {
        "msvm_imagemanagementservice": (V2, _service), "msvm_storagejob": (V2, _jobs),
        "win32_operatingsystem": ("root/cimv2", _system), "win32_computersystem": ("root/cimv2", _computer),
    }  # fmt: skip


def _namespace(given: str | None) -> str:
    return (given or "root/cimv2").replace("\\", "/").strip("/").lower()


@cmdlet("Get-CimInstance", everywhere=True)
def get_cim_instance(call: Call) -> Iterator[Any]:
    """Instances of a class; ``-Filter`` is WQL of equalities joined by AND."""
    if "InputObject" in call.given:
        given = call.get("InputObject")
        fresh = classes(call).get(str(given.keep).lower())
        if fresh is not None:
            yield from (each for each in fresh[1](call) if each.get("InstanceID") == given.get("InstanceID"))
        return
    if "Query" in call.given:
        raise Failure("The peer takes no WQL queries.", "NotModelled", "NotImplemented", terminating=True)
    known = classes(call).get(call.get("ClassName").lower())
    if known is None or known[0].lower() != _namespace(call.get("Namespace")):
        raise wrong("Invalid class", "0x80041010", "MetadataError")
    if known[0] == V2 and "hyper-v" not in call.host.shape.rights:
        return  # a caller without rights sees no instances
    wanted = _filter(call.get("Filter", ""))
    for each in known[1](call):
        if all(str(each.get(name)).lower() == value.lower() for name, value in wanted.items()):
            yield each


def _filter(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in re.split(r"(?i)\s+and\s+", text.strip()) if text.strip() else []:
        pair = re.fullmatch(r"""\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+))\s*""", part)
        if pair is None:
            raise wrong("Invalid query", "0x80041017", "InvalidArgument")
        value = next(each for each in pair.groups()[1:] if each is not None)
        found[pair[1]] = re.sub(r"\\(.)", r"\1", value)
    return found


def _service(call: Call) -> Iterator[Thing]:
    yield instance(V2, "Msvm_ImageManagementService", Name="vhdsvc", ElementName="Hyper-V Image Management Service",
                   SystemName=call.host.shape.name, Started=True, EnabledState=Sized("UInt16", 2))  # fmt: skip


def _jobs(call: Call) -> Iterator[Thing]:
    for each in call.host.jobs():
        yield job(each)


def job(about: Job) -> Thing:
    """An Msvm_StorageJob."""
    words = {4: "Job is running", 7: "Job completed successfully", 8: "Job was terminated", 10: "Job failed"}
    return instance(
        V2, "Msvm_StorageJob", InstanceID=about.id, Name="Msvm_StorageJob", Caption="Storage Job",
        Description=about.text, JobState=Sized("UInt16", about.state), JobStatus=words[about.state],
        PercentComplete=Sized("UInt16", about.percent), ErrorCode=Sized("UInt16", FAILED if about.code else 0),
        ErrorDescription=about.message, ErrorSummaryDescription=about.message, Cancellable=True,
        StartTime=datetime.datetime.fromtimestamp(about.begun, datetime.UTC),
        ElapsedTime=datetime.timedelta(seconds=(about.ended or about.begun) - about.begun),
        TimeBeforeRemoval=datetime.timedelta(minutes=5), DeleteOnCompletion=False,
    )  # fmt: skip


def _system(call: Call) -> Iterator[Thing]:
    shape = call.host.shape
    caption = "Microsoft Windows 11 Pro" if shape.client else "Microsoft Windows Server 2022 Standard"
    build = shape.windows.rsplit(".", 1)[-1]
    yield instance("root/cimv2", "Win32_OperatingSystem", Caption=caption, Version=shape.windows, BuildNumber=build,
                   ProductType=Sized("UInt32", 1 if shape.client else 3), CSName=shape.name,
                   LastBootUpTime=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))  # fmt: skip


def _computer(call: Call) -> Iterator[Thing]:
    yield instance("root/cimv2", "Win32_ComputerSystem", Name=call.host.shape.name, PartOfDomain=False,
                   Domain="WORKGROUP", TotalPhysicalMemory=Sized("UInt64", 64 << 30))  # fmt: skip


def _processes(call: Call) -> Iterator[Thing]:
    for each in call.host.guest_processes(call.scope.guest):
        if each["code"] is None:
            yield instance("root/cimv2", "Win32_Process", ProcessId=Sized("UInt32", each["pid"]), Name=each["name"],
                           CommandLine=each["line"])  # fmt: skip


@cmdlet("New-CimInstance", everywhere=True)
def new_cim_instance(call: Call) -> Iterator[Any]:
    """An instance that exists only here (``-ClientOnly``), to be an argument of a method."""
    if not call.switch("ClientOnly"):
        raise wrong("Provider is not capable of the attempted operation", "0x80041024", "NotImplemented")
    properties = {str(key): value for key, value in call.get("Property", {}).items()}
    yield instance(_namespace(call.get("Namespace")), call.get("ClassName"), **properties)


@cmdlet("Invoke-CimMethod", everywhere=True)
def invoke_cim_method(call: Call) -> Iterator[Any]:
    """A method; its ReturnValue and what it gives out."""
    given = call.get("InputObject")
    name = str(given.keep) if given is not None else call.get("ClassName")
    method, arguments = call.get("MethodName").lower(), call.get("Arguments") or {}
    plain = {str(key).lower(): value for key, value in arguments.items()}
    known: dict[tuple[str, str], Any] = {
        ("msvm_imagemanagementservice", "convertvirtualharddisk"): _convert,
        ("msvm_imagemanagementservice", "validatevirtualharddisk"): _validate,
        ("msvm_storagejob", "requeststatechange"): _change, ("win32_process", "create"): _create,
    }  # fmt: skip
    if name.lower() not in classes(call):
        raise wrong("Invalid class", "0x80041010", "MetadataError")
    if (name.lower(), method) not in known:
        raise wrong("Invalid method", "0x8004102E", "InvalidArgument")
    yield known[name.lower(), method](call, given, plain)


def answer(code: int, **out: Any) -> Thing:
    """What a method returns."""
    return Thing("Microsoft.Management.Infrastructure.CimMethodResult", text="CimMethodResult",
                 ReturnValue=Sized("UInt32", code), **out, PSComputerName=None)  # fmt: skip


def settings(text: str) -> dict[str, str] | None:
    """The properties in an embedded instance (CIM-XML, DSP0201); None for what is none of this class."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None
    if root.tag != "INSTANCE" or root.get("CLASSNAME") != "Msvm_VirtualHardDiskSettingData":
        return None
    found = {each.get("NAME", ""): each.findtext("VALUE", "") or "" for each in root.iter("PROPERTY")}
    return found if set(found) <= SETTINGS else None


def _convert(call: Call, given: Thing, plain: dict[str, Any]) -> Thing:
    if set(plain) - {"sourcepath", "virtualdisksettingdata"}:
        raise wrong("Invalid method Parameter(s)", "0x8004102F", "InvalidArgument")
    about = settings(str(plain.get("virtualdisksettingdata", "")))
    if about is None or about.get("Type") not in KINDS or not about.get("Path"):
        return answer(INVALID, Job=None)
    source, target = call.files.path(str(plain.get("sourcepath", ""))), call.files.path(about["Path"])
    if not source.is_file() or target.exists() or not target.parent.is_dir():
        return answer(FAILED if source.is_file() else 32779, Job=None)
    made = call.host.convert(str(source), str(target), KINDS[about["Type"]], int(about.get("BlockSize") or 0))
    return answer(4096, Job=instance(V2, "Msvm_StorageJob", InstanceID=made))


def _validate(call: Call, given: Thing, plain: dict[str, Any]) -> Thing:
    found = call.files.path(str(plain.get("path", "")))
    return answer(0 if found.is_file() and not call.host.disk_check(str(found)) else FAILED, Job=None)


def _change(call: Call, given: Thing, plain: dict[str, Any]) -> Thing:
    if int(plain.get("requestedstate", 0)) not in (4, 5):
        return answer(INVALID)
    call.host.job_stop(given["InstanceID"])
    return answer(0)


def _create(call: Call, given: Thing | None, plain: dict[str, Any]) -> Thing:
    if call.scope.place != "guest":
        raise Failure("The peer's host runs no programs.", "NotModelled", "NotImplemented", terminating=True)
    start = plain.get("processstartupinformation")
    env = dict(call.scope.session.get("env", {}))
    if start is not None and start.get("EnvironmentVariables") is not None:
        env = dict(str(each).split("=", 1) for each in start.get("EnvironmentVariables"))
    folder = str(plain.get("currentdirectory") or "C:\\Windows\\System32")
    made = call.host.guest_start(call.scope.guest, str(plain.get("commandline", "")), folder, env, call.scope.user)
    return answer(max(0, -made), ProcessId=Sized("UInt32", made) if made > 0 else None)
