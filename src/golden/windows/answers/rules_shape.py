"""Rules about the frame of an answer file: root, settings, passes, components and their attributes."""

from __future__ import annotations

from golden.windows.answers.components import (
    ARCHITECTURES,
    OF_AN_IMAGE,
    PASSES,
    REQUIRED,
    TOKEN,
    UNUSED_PASS,
    components,
)
from golden.windows.answers.document import UNATTEND, Document, Element
from golden.windows.answers.rules import Aim, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEX = frozenset("0123456789abcdefABCDEF")


class Part:
    """One component in one pass; ``key`` is its name in lower case, ``architecture`` too."""

    __slots__ = ("architecture", "element", "key", "run")

    def __init__(self, run: str, element: Element) -> None:
        """``run`` is the pass in the schema's case."""
        self.run = run
        self.element = element
        self.key = element.attributes.get("name", "").lower()
        self.architecture = element.attributes.get("processorArchitecture", "").lower()


def frame(document: Document) -> Iterator[Remark]:
    """Root, its children, and the encoding."""
    root = document.root
    if document.encoding.lower() not in ("", "utf-8", "utf-16", "us-ascii", "ascii"):
        words = f"the file is in {document.encoding[:40]!r}; answer files are in UTF-8 or UTF-16"
        yield Remark("answer.other-encoding", words, "save it as UTF-8", (1, 1))
    if root.name != "unattend" or root.space != UNATTEND:
        met = f"<{root.name[:60]}>" + (" in no namespace" if not root.space else "")
        fix = f'<unattend xmlns="{UNATTEND}">'
        yield Remark("answer.root", f"the root is {met}, which is no answer file's", f"begin with {fix}", root.place)
        return
    for child in root.children:
        if child.space == UNATTEND and child.name not in ("settings", "servicing"):
            words = f"<{child.name[:60]}> cannot stand in <unattend>"
            yield Remark("answer.stray-element", words, "components stand in <settings pass=…>", child.place)
        elif child.name in ("settings", "component") and child.space != UNATTEND:
            words = f"<{child.name}> is not in the namespace of answer files, so Windows does not see it"
            yield Remark("answer.namespace", words, f'take its xmlns="" away, or say xmlns="{UNATTEND}"', child.place)
    if not any(child.space == UNATTEND for child in root.children):
        yield Remark("answer.no-settings", "the file sets nothing", "golden answer new writes a whole one", root.place)


def parts(document: Document) -> list[Part]:
    """Every component that stands where one can, by pass; those of passes that there are not are left out."""
    known = {one.lower(): one for one in PASSES}
    found = []
    for settings in document.root.children:
        run = known.get(settings.attributes.get("pass", "").lower())
        if settings.name == "settings" and settings.space == UNATTEND and run is not None:
            found += [Part(run, one) for one in settings.children if one.name == "component" and one.space == UNATTEND]
    return found


def passes(document: Document, aim: Aim) -> Iterator[Remark]:
    """Every <settings> and what stands directly in it."""
    seen: dict[str, int] = {}
    known = {one.lower(): one for one in PASSES}
    for settings in document.root.children:
        if settings.name != "settings" or settings.space != UNATTEND:
            continue
        given = settings.attributes.get("pass")
        if given is None:
            fix = f'<settings pass="oobeSystem">; there are {", ".join(PASSES)}'
            yield Remark("answer.pass-missing", "these settings name no pass", fix, settings.place)
            continue
        run = known.get(given.lower())
        if run is None:
            yield _unknown_pass(given, settings)
            continue
        if run != given:
            words = f"the pass is written {given!r}; the schema knows {run!r}"
            yield Remark("answer.pass-case", words, f'pass="{run}"', settings.place)
        if run in seen:
            words = f"the pass {run} stands in line {seen[run]} already"
            yield Remark("answer.pass-twice", words, "put its components into one <settings>", settings.place)
        seen.setdefault(run, settings.line)
        if aim.is_capture and run not in OF_AN_IMAGE:
            words = f"the pass {run} is over before an image's first boot; nothing in it happens after a capture"
            yield Remark("answer.pass-unused", words, "keep it for the file that installs", settings.place)
        yield from _strays(settings)


def _unknown_pass(given: str, settings: Element) -> Remark:
    words = f"there is no pass {given[:60]!r}"
    if given == UNUSED_PASS:
        words = f"Windows does not use the pass {UNUSED_PASS}, though the schema lists it"
    return Remark("answer.pass-unknown", words, f"one of {', '.join(PASSES)}", settings.place)


def _strays(settings: Element) -> Iterator[Remark]:
    for child in settings.children:
        if child.space != UNATTEND and child.name == "component":
            words = "this component is not in the namespace of answer files, so Windows does not see it"
            yield Remark("answer.namespace", words, f'take its xmlns="" away, or say xmlns="{UNATTEND}"', child.place)
        elif child.space == UNATTEND and child.name != "component":
            words = f"<{child.name[:60]}> cannot stand in <settings>"
            yield Remark("answer.stray-element", words, "settings belong into a <component>", child.place)


def every_component(found: list[Part], aim: Aim) -> Iterator[Remark]:
    """Attributes, names, passes, duplicates and architectures of the components."""
    seen: dict[tuple[str, ...], int] = {}
    for part in found:
        yield from _attributes(part.element)
        yield from _in_pass(part)
        identity = tuple(part.element.attributes.get(one, "").lower() for one in (*REQUIRED, "versionScope"))
        if (part.run, *identity) in seen:
            words = f"{_name(part)} stands in line {seen[part.run, *identity]} already, in the same pass"
            yield Remark("answer.component-twice", words, "put both into one", part.element.place)
        seen.setdefault((part.run, *identity), part.element.line)
    yield from _architectures(found, aim)


def _attributes(element: Element) -> Iterator[Remark]:
    given, rule = element.attributes, "answer.component-attribute"
    for name in REQUIRED:
        if not given.get(name):
            yield Remark(rule, f"this component has no {name}", _example(name), element.place)
    architecture = given.get("processorArchitecture", "")
    if architecture and architecture.lower() not in ARCHITECTURES:
        words = f"there is no architecture {architecture[:40]!r}"
        yield Remark(rule, words, "amd64 for a 64-bit Windows, x86 or arm64", element.place)
    token = given.get("publicKeyToken", "")
    if token and (len(token) != 16 or not _HEX.issuperset(token)):
        yield Remark(rule, "publicKeyToken is not 16 hexadecimal digits", _example("publicKeyToken"), element.place)
    elif token and token.lower() != TOKEN:
        words = "publicKeyToken is not that of Windows' own components"
        yield Remark("answer.component-token", words, _example("publicKeyToken"), element.place)
    if given.get("versionScope", "nonsxs").lower() not in ("nonsxs", "neutral"):
        yield Remark(rule, "versionScope is neither nonSxS nor neutral", 'versionScope="nonSxS"', element.place)
    if given.get("language", "neutral").lower() != "neutral":
        words = "language is not neutral; Windows' own components are"
        yield Remark("answer.component-language", words, 'language="neutral"', element.place)


def _example(name: str) -> str:
    values = {"name": "Microsoft-Windows-Shell-Setup", "processorArchitecture": "amd64", "publicKeyToken": TOKEN}
    return f'{name}="{values.get(name, "neutral")}"'


def _in_pass(part: Part) -> Iterator[Remark]:
    if not part.key:
        return
    table = components()
    known = table.get(part.key)
    if known is None:
        fix = "check its spelling" + (f"; is it {near}?" if (near := _nearest(part.key)) else "")
        words = f"golden knows no component {_name(part)}"
        yield Remark("answer.component-unknown", words, fix, part.element.place)
    elif part.run not in known[1]:
        words = f"{known[0]} is not valid in the pass {part.run}"
        yield Remark("answer.component-pass", words, f"it belongs into {', '.join(known[1])}", part.element.place)


def _nearest(key: str) -> str:
    from difflib import get_close_matches  # Wanted for mistakes only.

    close = get_close_matches(key[:100], components(), n=1, cutoff=0.8)
    return components()[close[0]][0] if close else ""


def _architectures(found: list[Part], aim: Aim) -> Iterator[Remark]:
    wanted = aim.architecture
    if not wanted or not found:
        return
    fix = f'processorArchitecture="{wanted}"'
    if not any(applies(part, wanted) for part in found):
        words = f"no component is for {wanted}, which the guest is, so nothing in this file would happen"
        yield Remark("answer.architecture-none", words, fix, found[0].element.place)
        return
    there = {(part.run, part.key) for part in found if applies(part, wanted)}
    for part in found:
        if not applies(part, wanted) and (part.run, part.key) not in there:
            words = f"{_name(part)} is for {part.architecture[:20]} and the guest is {wanted}, so it is ignored"
            yield Remark("answer.architecture", words, fix, part.element.place)


def applies(part: Part, architecture: str) -> bool:
    """Whether a guest of that architecture reads the component; without one, every guest."""
    same = part.architecture in (architecture, "neutral", "msil", "data")
    return not architecture or same or (part.architecture == "wow64" and architecture == "amd64")


def _name(part: Part) -> str:
    name = part.element.attributes.get("name", "")[:80]
    return name if name.isprintable() else ascii(name)
