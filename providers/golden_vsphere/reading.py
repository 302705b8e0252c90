"""
Asking for properties: the PropertyCollector, leaf paths, in pages. Never a lazy attribute, never a walk (facts 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyVmomi import vim, vmodl

from golden.errors import Refused
from golden_vsphere.faults import Gone, is_a
from golden_vsphere.line import Line

PC: Any = vmodl.query.PropertyCollector
PAGE = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """One object with those of its properties that are set."""

    native: Any
    props: dict[str, Any]
    unknown: frozenset[str] = frozenset()
    """Paths that this version of vSphere does not know."""

    @property
    def moid(self) -> str:
        """Its id at this vCenter."""
        return str(self.native._moId)


def props(line: Line, native: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Of one object. Raises ManagedObjectNotFound where it is gone."""
    return one(line, native, paths).props


def one(line: Line, native: Any, paths: Sequence[str]) -> Seen:
    """Of one object, with what was not known. Raises ManagedObjectNotFound where it is gone."""
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=native)], propSet=[PC.PropertySpec(type=type(native), pathSet=list(paths))]
    )
    found = list(_paged(line, spec))
    if not found:
        raise Gone(obj=native)
    return found[0]


def needed(line: Line, native: Any, paths: Sequence[str], what: str) -> dict[str, Any]:
    """
    Of one object that is of no use without these. Refused where golden's account may not read them: they are left out
    of the answer then, which is no error by itself.
    """
    told = props(line, native, paths)
    if lacking := [path for path in paths if path not in told]:
        raise Refused(
            f"golden's account may not see {what}",
            details=f"not told of {type(native).__name__.rpartition('.')[2]} {native._moId}: {', '.join(lacking)}",
            hint="System.View and System.Read there, as the role Read-only has them",
        )
    return told


def several(line: Line, natives: Sequence[Any], paths: Sequence[str]) -> list[Seen]:
    """Of several objects of any kinds that have these paths in common; those that are gone are left out."""
    if not natives:
        return []
    kinds = {type(native) for native in natives}
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=native) for native in natives],
        propSet=[PC.PropertySpec(type=kind, pathSet=list(paths)) for kind in kinds],
        reportMissingObjectsInResults=True,
    )
    return list(_paged(line, spec))


def below(line: Line, folder: Any, kind: Any, paths: Sequence[str]) -> list[Seen]:
    """Every object of a kind, or of several, in a folder and the folders below it."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    again = PC.SelectionSpec(name="folders")
    into = PC.TraversalSpec(name="folders", type=vim.Folder, path="childEntity", skip=False, selectSet=[again])
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=folder, skip=True, selectSet=[into])],
        propSet=[PC.PropertySpec(type=one, pathSet=list(paths)) for one in kinds],
        reportMissingObjectsInResults=True,
    )
    return list(_paged(line, spec))


def everywhere(line: Line, root: Any, kind: Any, paths: Sequence[str]) -> list[Seen]:
    """Every object of a kind below a place, those in vApps too, by a view."""
    view = line.ask(lambda: line.content.viewManager.CreateContainerView(root, [kind], True))  # noqa: FBT003
    try:
        into = PC.TraversalSpec(name="view", type=type(view), path="view", skip=False)
        spec = PC.FilterSpec(
            objectSet=[PC.ObjectSpec(obj=view, skip=True, selectSet=[into])],
            propSet=[PC.PropertySpec(type=kind, pathSet=list(paths))],
            reportMissingObjectsInResults=True,
        )
        return list(_paged(line, spec))
    finally:
        line.ask(view.Destroy)


def collected(line: Line, objects: Sequence[Any], wanted: Mapping[Any, Sequence[str]]) -> list[Seen]:
    """What a way of object specs meets, of the kinds that are wanted with their paths."""
    spec = PC.FilterSpec(
        objectSet=list(objects),
        propSet=[PC.PropertySpec(type=kind, pathSet=list(paths)) for kind, paths in wanted.items()],
        reportMissingObjectsInResults=True,
    )
    return list(_paged(line, spec))


def parents(line: Line, native: Any) -> list[tuple[str, str]]:
    """(moid, name as stored) of an object and all it lies in, from the root down."""
    up = PC.TraversalSpec(
        name="up", type=vim.ManagedEntity, path="parent", skip=False, selectSet=[PC.SelectionSpec(name="up")]
    )
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=native, skip=False, selectSet=[up])],
        propSet=[PC.PropertySpec(type=vim.ManagedEntity, pathSet=["name", "parent"])],
    )
    seen = {entity.moid: entity for entity in _paged(line, spec)}
    chain, here = [], seen.get(str(native._moId))
    while here is not None:
        chain.append((here.moid, str(here.props.get("name", ""))))
        above = here.props.get("parent")
        here = None if above is None else seen.get(str(above._moId))
    return chain[::-1]


def _paged(line: Line, spec: Any) -> Iterator[Seen]:
    collector = line.content.propertyCollector
    page = line.ask(lambda: collector.RetrievePropertiesEx([spec], PC.RetrieveOptions(maxObjects=PAGE)))
    while page is not None:
        for item in page.objects:
            unknown = (missing.path for missing in item.missingSet if is_a(missing.fault, "InvalidProperty"))
            yield Seen(item.obj, {prop.name: prop.val for prop in item.propSet}, frozenset(unknown))
        if not page.token:
            return
        token = page.token
        page = line.ask(lambda token=token: collector.ContinueRetrievePropertiesEx(token))  # type: ignore[misc]
