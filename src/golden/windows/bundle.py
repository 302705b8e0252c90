"""Every file of a driver package, found on this computer before anything touches a guest. docs/facts: windows 5.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from golden.errors import NotFound, UsageError
from golden.model import Finding, Severity
from golden.windows import signature
from golden.windows.inf import DECORATIONS, Inf, parse

_MOST_INFS = 32
_MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class InfBundle:
    """A driver package: its INF and all the files it names for one architecture."""

    inf: str
    """Name of the INF the bundle was made from."""
    files: tuple[tuple[str, Path], ...]
    """(name relative to the INF's folder with forward slashes, as the INF spells it; where the file is)."""
    catalog: str
    """Relative name of the catalog; empty where the INF names none."""
    driver_class: str
    provider: str
    driver_version: str
    architectures: tuple[str, ...]
    """As golden names them; empty where the INF names none."""
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Gathering:
    folder: Path
    architecture: str
    files: dict[str, tuple[str, Path]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    infs: list[str] = field(default_factory=list)

    def take(self, relative: str, why: str) -> bool:
        """Find one file below the folder, in any case, also compressed (``x.sy_``)."""
        name = _inside(relative, why)
        if name.lower() in self.files:
            return True
        found = _looked_up(self.folder, name) or _looked_up(self.folder, f"{name[:-1]}_")
        if found is None:
            self.missing.append(f"{name} ({why})")
            return False
        if found.name.endswith("_") and not name.endswith("_"):
            name = f"{name[:-1]}_"
        self.files[name.lower()] = (name, found)
        return True

    def where(self, relative: str) -> Path:
        """Where a file lies that was taken."""
        name = _inside(relative, "taken").lower()
        return (self.files.get(name) or self.files[f"{name[:-1]}_"])[1]


def bundle(path: Path, architecture: str) -> InfBundle:
    """
    The driver package of the INF at ``path`` for ``architecture`` (x86_64, arm64, x86).

    NotFound where there is no such file or one that the INF names is missing; UsageError where it is no INF, is for
    another architecture, or names a file outside of its own folder. No catalog named, and one that is empty, unsigned,
    signed for tests or for another INF, is a warning.
    """
    data = _content(path)
    gathering = _Gathering(path.parent, architecture)
    gathering.files[path.name.lower()] = (path.name, path)
    inf = parse(data, path.name)
    _check_architecture(inf, path.name, architecture)
    catalog = _gather(gathering, inf, path.name, data)
    if gathering.missing:
        raise NotFound(
            f"{path.name} names files that are not beside it: {', '.join(gathering.missing[:5])}"
            + (f" and {len(gathering.missing) - 5} more" if len(gathering.missing) > 5 else ""),
            details=f"looked in {path.parent}",
            hint="unpack the whole driver package and name the .inf in it",
        )
    files = tuple(gathering.files.values())
    return InfBundle(
        path.name, files, catalog, inf.driver_class, inf.provider, inf.driver_version, inf.architectures,
        tuple(gathering.findings),
    )  # fmt: skip


def _content(path: Path) -> bytes:
    if not path.exists():
        raise NotFound(f"there is no driver file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a file", hint="name the driver's .inf file")
    if path.suffix.lower() != ".inf":
        raise UsageError(f"{path.name} is not called .inf", hint="name the driver's .inf file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the driver file {path} cannot be read", details=str(error)) from error


def _gather(gathering: _Gathering, inf: Inf, name: str, data: bytes) -> str:
    """Take what one INF (its ``data``) names, and what the INFs it copies name; returns the catalog's name."""
    gathering.infs.append(name.lower())
    catalog = _catalog(inf, gathering.architecture)
    if catalog:
        taken = gathering.where(catalog) if gathering.take(catalog, "the catalog") else None
        if taken is not None and not taken.name.endswith("_"):  # a compressed one is left to the guest
            gathering.findings += signature.judge(taken, name, data)
    else:
        gathering.findings.append(
            Finding(
                "driver-unsigned",
                Severity.WARNING,
                f"{name} names no catalog, so the driver package counts as unsigned",
                evidence="[Version] has no CatalogFile",
                fix="take the signed package from the vendor; a 64-bit Windows refuses unsigned kernel drivers",
            )
        )
    listed = _source_files(inf, gathering.architecture)
    if len(listed) > _MOST_FILES:
        raise UsageError(f"{name} names {len(listed)} files, more than any driver package has")
    for relative in listed:
        gathering.take(relative, f"named by {name}")
    _note_unlisted(gathering, inf, name)
    for other in _copied_infs(inf):
        if other.lower() in gathering.infs or not gathering.take(other, f"copied by {name}"):
            continue
        if len(gathering.infs) >= _MOST_INFS:
            raise UsageError(f"{name} copies more than {_MOST_INFS} other INF files")
        other_data = _content(gathering.where(other))
        _gather(gathering, parse(other_data, other), other, other_data)
    return catalog


def _note_unlisted(gathering: _Gathering, inf: Inf, name: str) -> None:
    """Warn of files that are copied though no [SourceDisksFiles] says where they come from; take those at hand."""
    if inf.value("version", "layoutfile"):
        return
    known = {file.rpartition("/")[2] for file in gathering.files}
    for relative in _copied_files(inf):
        if relative.lower() in known:
            continue
        if _looked_up(gathering.folder, _inside(relative, f"copied by {name}")):
            gathering.take(relative, f"copied by {name}")
        gathering.findings.append(
            Finding(
                "driver-unlisted-file",
                Severity.WARNING,
                f"{name} copies {relative}, which no [SourceDisksFiles] names",
                fix="if the driver does not install, ask its vendor for a complete package",
            )
        )


def _check_architecture(inf: Inf, name: str, architecture: str) -> None:
    known = inf.architectures
    if not architecture or architecture in known or (not known and not inf.section("manufacturer")):
        return
    if architecture == "x86" and inf.has_undecorated_models():
        return
    has = ", ".join(known) if known else "x86 (it names no architecture)"
    raise UsageError(
        f"{name} is for {has}, the guest is {architecture}",
        hint=f"take the driver whose [Manufacturer] section names NT{DECORATIONS.get(architecture, architecture)}",
    )


def _catalog(inf: Inf, architecture: str) -> str:
    """The catalog for the architecture: a decorated CatalogFile wins on its platform."""
    for key in (f"catalogfile.nt{DECORATIONS.get(architecture, '')}", "catalogfile.nt", "catalogfile"):
        if value := inf.value("version", key):
            return value.replace("\\", "/")
    return ""


def _source_files(inf: Inf, architecture: str) -> list[str]:
    """Relative names of all SourceDisksFiles entries for the architecture; its own section wins over the plain one."""
    suffix = DECORATIONS.get(architecture, architecture)
    disks, entries = {}, {}
    for plain in ("sourcedisksnames", f"sourcedisksnames.{suffix}"):
        for entry in inf.section(plain):
            disks[entry.key.lower()] = inf.text(entry.values[3]) if len(entry.values) > 3 else ""
    for plain in ("sourcedisksfiles", f"sourcedisksfiles.{suffix}"):
        for entry in inf.section(plain):
            file = entry.key or (entry.values[0] if entry.values else "")
            entries[file.lower()] = (file, entry.values if entry.key else entry.values[1:])
    found = []
    for file, values in entries.values():
        disk = values[0].lower() if values else ""
        subfolder = inf.text(values[1]) if len(values) > 1 else ""
        found.append("\\".join(part for part in (disks.get(disk, ""), subfolder, file) if part.strip("\\./ ")))
    return [name for name in found if name]


def _copied_infs(inf: Inf) -> list[str]:
    return [
        inf.text(value)
        for name, entries in inf.sections.items()
        if name not in ("strings", "version")
        for entry in entries
        if entry.key.lower() == "copyinf"
        for value in entry.values
        if value
    ]


def _copied_files(inf: Inf) -> list[str]:
    """Source names of all files that CopyFiles directives of models' own sections copy."""
    entries = (entry for section in inf.sections.values() for entry in section if entry.key.lower() == "copyfiles")
    named: dict[str, None] = {}
    for value in dict.fromkeys(value for entry in entries for value in entry.values):
        if value.startswith("@"):
            named[value[1:]] = None
        for line in inf.section(value):
            source = line.values[1] if len(line.values) > 1 and line.values[1] else line.values[0]
            if source and not line.key:
                named[source] = None
    return list(named)


def _inside(relative: str, why: str) -> str:
    """The name with forward slashes; UsageError where it leads out of the INF's folder."""
    name = relative.replace("\\", "/").strip()
    if len(name) > 1 and name[0] == "/" and name[1] != "/":
        name = name[1:]  # "\x64" in an INF is below the folder of the medium, not of the disk
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or not parts or ":" in name or name.startswith("/") or "\0" in name:
        raise UsageError(f"the INF names the file {relative!r} ({why}), which leads out of its own folder")
    return "/".join(parts)


def _looked_up(folder: Path, name: str) -> Path | None:
    """The file of that name below the folder, whatever case it is written in; None where it is not a plain file."""
    try:
        return _walked(folder, name)
    except OSError:  # A name that no disk can hold, or a folder that may not be read.
        return None


def _walked(folder: Path, name: str) -> Path | None:
    here = folder
    for part in name.split("/"):
        exact = here / part
        if not exact.exists():
            if not here.is_dir():
                return None
            near = [each for each in here.iterdir() if each.name.lower() == part.lower()]
            if not near:
                return None
            exact = near[0]
        here = exact
    if not here.is_file() or not here.resolve().is_relative_to(folder.resolve()):
        return None
    return here
