"""
Store apps: .appx, .msix and bundles, provisioned for every user to come and never for one. docs/facts: windows 5.5.

Where Windows keeps what is provisioned is unconfirmed (8.2), so the guest is asked for it before it is switched off;
that its disk has the package's keys is evidence, and that it has not is a remark.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.parsers import expat

from golden.disk.source import Files
from golden.errors import ChangeFailed, UsageError
from golden.guest import changes
from golden.guest.dialect import Script
from golden.guest.family import Applied, Prepared, Standing, Wanted
from golden.guest.session import Session
from golden.model import Change, Finding, GuestFacts, Severity
from golden.waiting import Deadline
from golden.windows.changes.payload import check_magic, check_runs
from golden.windows.changes.servicing import software
from golden.windows.dialect import SCRIPTS
from golden.windows.local import script_local

ENDINGS = (".appx", ".msix", ".appxbundle", ".msixbundle")
SCRIPT = Script(SCRIPTS / "appx.ps1")
_STAGED = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Staged"
_ARCHITECTURES = {"x64": "x86_64", "x86": "x86", "arm64": "arm64", "arm": "arm", "neutral": ""}
_MANIFESTS = ("AppxManifest.xml", "AppxMetadata/AppxBundleManifest.xml")
_MOST_MANIFEST = 4 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """What a package says it is."""

    name: str
    version: str
    architectures: tuple[str, ...]
    """As golden names them; empty for a package of no architecture."""


def prepare(wanted: Wanted, facts: GuestFacts) -> Prepared:
    """A package with a manifest, for this architecture; its dependencies are packages too."""
    found = identity(wanted.source)
    if found.architectures:
        _check_any(wanted.source.name, found.architectures, facts.architecture)
    given = [(name, Path(value)) for name, value in wanted.options if name in ("dependency", "license")]
    for name, path in given:
        if name == "dependency":
            identity(path)
        else:
            check_magic(path, "licence file", b"<", b"\xef\xbb\xbf<", b"\xff\xfe<")
    paths = [wanted.source, *(path for _, path in given)]
    if len({path.name.lower() for path in paths}) < len(paths):
        raise UsageError(f"files that go with {wanted.source.name} have the same name", hint="rename one of them")
    sources = tuple((changes.payload(path, path.name), path) for path in paths)
    arguments = [("package", wanted.source.name), ("identity", found.name), ("version", found.version)]
    arguments += [(name, path.name) for name, path in given]
    finding = Finding(
        "appx-drift",
        Severity.WARNING,
        f"{found.name} must stay at {found.version}: where the Store updates it for one user, sysprep fails",
        fix="capture with no network, as golden does unless told otherwise",
    )
    done = changes.prepared("appx", wanted.source.name, sources, tuple(arguments))
    return replace(done, findings=(finding,))


def apply(session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
    """Provision it as local work. ChangeFailed with the guest's words."""
    folder = changes.run_folder(session, change, deadline)
    for file in change.files:
        changes.push(session, file, files[file.name], session.dialect.join(folder, file.name), deadline)
    told = dict(change.arguments)
    dependencies = [session.dialect.join(folder, value) for name, value in change.arguments if name == "dependency"]
    answer = script_local(
        session,
        SCRIPT,
        f"provisioning {change.name}",
        deadline,
        action="add",
        name=told["identity"],
        path=session.dialect.join(folder, told["package"]),
        dependencies=dependencies,
        license=session.dialect.join(folder, told["license"]) if "license" in told else "",
    )
    if not answer["ok"]:
        code = int(answer["code"])
        raise ChangeFailed(
            f"{change.name} could not be provisioned ({changes.shown_code(code)})",
            details=str(answer["why"]),
            hint="dependencies go with --dependency FILE, a licence with --license FILE"
            if "license" not in told
            else None,
        )
    return Applied(traces=tuple(("provisioned", str(each["package"])) for each in answer["packages"]))


def look(session: Session, change: Change, deadline: Deadline) -> Standing:
    """Whether a package of this name and version is provisioned."""
    told = dict(change.arguments)
    answer = session.script(
        SCRIPT, f"looking for {change.name}", deadline, action="ask", name=told["identity"], dependencies=[], license=""
    )
    there = any(each["version"] == told["version"] for each in answer["packages"])
    met = ", ".join(str(each["package"]) for each in answer["packages"]) or "nothing of that name"
    return Standing(there, f"provisioned: {met}")


def prove(volume: Files, change: Change) -> str:
    """What the guest told before it was switched off, and what its disk shows of it."""
    traces = dict(change.traces)
    package = traces.get("provisioned", "")
    said = traces.get("asked", "") or f"provisioned: {package}"
    on_disk = package and software(volume).has(f"{_STAGED}\\{package}")
    return said + (", staged on the disk" if on_disk else " (asked before it was switched off; not seen on its disk)")


def identity(path: Path) -> Identity:
    """Name, version and architectures from a package's manifest. UsageError where it is no package."""
    check_magic(path, "app package", b"PK\x03\x04")
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path.name} is no app package", hint=f"they end in {', '.join(ENDINGS)}")
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((each for each in _MANIFESTS if each in archive.namelist()), None)
            if name is None:
                raise UsageError(f"{path.name} is a ZIP archive, but no app package: it has no AppxManifest.xml")
            with archive.open(name) as file:
                content = file.read(_MOST_MANIFEST + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path.name} is a damaged package", details=str(error), hint="download it again") from error
    if len(content) > _MOST_MANIFEST:
        raise UsageError(f"{path.name}: its manifest is larger than {_MOST_MANIFEST} bytes")
    return _manifest(path.name, content)


def _manifest(name: str, content: bytes) -> Identity:
    found: list[dict[str, str]] = []
    inner: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        plain = tag.rpartition(" ")[2]
        if plain == "Identity" and not found:
            found.append(attributes)
        elif plain == "Package" and attributes.get("Type") == "application":
            inner.append(attributes.get("Architecture", "neutral"))

    def refuse(*_: object) -> None:
        raise UsageError(f"{name}: its manifest declares entities, which no package of an app does")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat takes it by position
    except expat.ExpatError as error:
        raise UsageError(f"{name}: its manifest is no XML: {error}") from error
    about = found[0] if found else {}
    if not about.get("Name") or not about.get("Version"):
        raise UsageError(f"{name}: its manifest names no package")
    said = [about["ProcessorArchitecture"]] if "ProcessorArchitecture" in about else inner
    known = tuple(_ARCHITECTURES.get(each.lower(), each) for each in said)
    return Identity(about["Name"], about["Version"], () if "" in known else known)


def _check_any(name: str, architectures: tuple[str, ...], guest: str) -> None:
    """One of a bundle's packages is enough."""
    problem = None
    for architecture in architectures:
        try:
            return check_runs(name, architecture, guest)
        except UsageError as error:
            problem = error
    if problem is not None:
        raise problem
    return None
