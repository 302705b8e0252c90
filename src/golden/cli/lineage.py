"""``golden log`` and ``golden show``: the lineage as a tree, and one version or image whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from golden.app import reading
from golden.cli import open_project
from golden.cli.human import PROVED_FROM, age, columns, moment, size
from golden.cli.talk import Talk

if TYPE_CHECKING:
    from golden.cli.options import Address

Data = dict[str, Any]


def log(talk: Talk, reference: Address = None) -> None:
    """
    The lineage of a reference as a tree: versions, the images captured from them, and the channels on those. Of one
    version, image or channel: that version and its ancestors.

    Example: golden log win2022
    """
    with open_project.reading() as project:
        data = reading.log(open_project.existing(project), open_project.address(reference))
    talk.tell("log", data, _tree(talk, data))


def show(talk: Talk, address: Address = None) -> None:
    """
    One version or image whole: its changes, disks, facts, forms, proof and publications.

    Example: golden show win2022@i2
    """
    with open_project.reading() as project:
        kind, data = reading.show(open_project.existing(project), open_project.address(address))
    talk.tell(kind, data, _version(talk, data) if kind == "version" else _image(talk, data))


def _tree(talk: Talk, data: Data) -> Iterator[str]:
    reference = data["reference"]
    yield f"{talk.paint(reference['name'], 'bold')}  {reference['os']} on {reference['endpoint']}"
    if data["rearm"]:
        yield talk.paint(data["rearm"]["told"], "dim")
        yield from (_finding(talk, finding) for finding in data["rearm"]["findings"])
    there = {version["number"] for version in data["versions"]}
    below: dict[int | None, list[Data]] = {}
    for version in data["versions"]:
        below.setdefault(version["parent"] if version["parent"] in there else None, []).append(version)
    # Worked off with a list, not by recursion: a lineage may be longer than Python's stack.
    open_branches: list[tuple[Data, str, bool]] = _branches(below.get(None, []), "")
    while open_branches:
        version, stem, is_last = open_branches.pop()
        children = below.get(version["number"], [])
        straight = len(children) == 1 and is_last
        goes_on = straight or not is_last
        yield f"{stem}{'├─' if goes_on else '└─'} {_headline(talk, version, reference['head'])}"
        # A lone line of descent is drawn straight down; only a fork moves to the right.
        inner = stem + ("│  " if goes_on else "   ")
        rail = inner + ("│  " if children and not straight else "   ")
        for line in _remarks(talk, version, data):
            yield f"{rail}{line}"
        open_branches += _branches(children, stem if straight else inner)


def _branches(versions: list[Data], stem: str) -> list[tuple[Data, str, bool]]:
    return [(one, stem, at == len(versions) - 1) for at, one in reversed(list(enumerate(versions)))]


def _headline(talk: Talk, version: Data, head: int) -> str:
    looks = ("green", "bold") if version["number"] == head else ("bold",)
    mark = talk.paint(" head", "green") if version["number"] == head else ""
    state = version["state"]
    told = talk.paint(state, "green" if state == "VIRGIN" else "yellow")
    space = size(sum(disk["size"] for disk in version["disks"]))
    message = version["message"].splitlines()[0][:80] if version["message"] else ""
    age_ = talk.paint(f"{space}, {age(version['created'])}", "dim")
    name = talk.paint(f"v{version['number']}", *looks)
    return f"{name}{mark}  {told}  {message}  {age_}"


def _remarks(talk: Talk, version: Data, data: Data) -> Iterator[str]:
    if version["accepted_deployed"] and version["parent"] is None:
        yield talk.paint("adopted although generalized before (--accept-deployed)", "yellow")
    for change in version["changes"]:
        yield talk.paint(f"+ {change['kind']} {change['name']}", "dim")
    for image in data["images"]:
        if image["version"] == version["number"]:
            yield _image_line(talk, image, data["channels"])


def _image_line(talk: Talk, image: Data, channels: list[Data]) -> str:
    names = [channel["name"] for channel in channels if channel["image"] == image["number"]]
    number = talk.paint(f"i{image['number']}", "cyan", "bold")
    told = f"◆ {number}  {image['state']}"
    told += f"  seal {image['seal']}  " + ", ".join(f"{f['format']} {size(f['size'])}" for f in image["forms"])
    for publication in image["publications"]:
        told += f"  in {publication['library']}" + (" (retired)" if publication["retired"] else "")
    told += "".join(f"  {talk.paint('[' + name + ']', 'yellow', 'bold')}" for name in names)
    return f"{told}  {talk.paint(age(image['created']), 'dim')}"


def _version(talk: Talk, data: Data) -> Iterator[str]:
    facts = data["facts"]
    made = f"v{data['parent']}" if data["parent"] else "adopted"
    yield talk.paint(f"{data['reference']}@v{data['number']}", "bold")
    rows = [
        ("state", data["state"] + (", adopted although generalized before" if data["accepted_deployed"] else "")),
        ("message", data["message"]),
        ("parent", made),
        ("created", f"{moment(data['created'])} ({age(data['created'])})"),
        ("digest", data["digest"]),
        ("images", ", ".join(f"i{number}" for number in data["images"]) or "none"),
        ("system", _system(facts)),
        ("computer", facts["computer_name"]),
        ("snapshot", f"{data['snapshot']['machine']} / {data['snapshot']['name']}, {data['depth']} disk(s) below"),
    ]
    yield from _pairs(rows)
    yield from _block(talk, "changes", [(c["kind"], c["name"], c["digest"][:12]) for c in data["changes"]])
    yield from _block(
        talk, "disks", [(d["kind"], d["format"], size(d["size"]), d["path"] or d["url"]) for d in data["disks"]]
    )
    drivers = [(d["published"], d["inf"], d["provider"], d["version"]) for d in facts["drivers"]]
    yield from _block(talk, "drivers", drivers)
    yield from _findings(talk, "licence, as it was read inside", data["licence"])
    yield from _block(talk, "how the state was decided", [tuple(pair) for pair in facts["evidence"]])


def _image(talk: Talk, data: Data) -> Iterator[str]:
    proof = data["proof"]
    yield talk.paint(f"{data['reference']}@i{data['number']}", "bold")
    rows = [
        ("state", data["state"]),
        ("seal", data["seal"]),
        ("from", f"{data['reference']}@v{data['version']}"),
        ("created", f"{moment(data['created'])} ({age(data['created'])})"),
        ("channels", ", ".join(data["channels"]) or "none"),
        ("answer file", data["answer_file"]),
        ("system", _system(proof["facts"])),
    ]
    yield from _pairs(rows)
    for form in data["forms"]:
        yield from _block(talk, f"form {form['format']}", [("at", form["path"] or form["url"] or "-")])
        yield from _pairs([("size", size(form["size"])), ("sha256", form["sha256"])], "  ")
    where = PROVED_FROM[proof["way"]]
    yield from _block(talk, f"proof ({where}, {moment(proof['proved'])})", [tuple(s) for s in proof["signals"]])
    identity = [tuple(pair) for pair in proof["identity"]]
    yield from _block(talk, "identity, given anew at the first boot", identity)
    yield from _findings(talk, "what is left on the disk and worth knowing", proof["findings"])
    yield from _findings(talk, "licence, as it was read after sysprep", data["licence"])
    yield from _findings(talk, "what the checks before sysprep found", data["findings"])
    yield from _block(talk, "notes", [(note,) for note in data["notes"]])
    published = [
        (p["library"], p["name"], p["where"], "retired" if p["retired"] else "current") for p in data["publications"]
    ]
    yield from _block(talk, "publications", published)


def _findings(talk: Talk, title: str, findings: list[Data]) -> Iterator[str]:
    if findings:
        yield talk.paint(title, "bold")
        yield from (f"  {_finding(talk, finding)}" for finding in findings)


def _finding(talk: Talk, finding: Data) -> str:
    """One line a finding; what to do about it stands behind it."""
    mark = talk.paint("!", "yellow", "bold") if finding["severity"] != "info" else talk.paint("·", "dim")
    told = f"{mark} {finding['sentence']}"
    told += f" ({finding['evidence']})" if finding["evidence"] else ""
    return told + (talk.paint(f"  → {finding['fix']}", "dim") if finding["fix"] else "")


def _system(facts: Data) -> str:
    parts = [facts["product"] or facts["os"], facts["edition"], facts["version"], facts["build"], facts["architecture"]]
    return " ".join(part for part in parts if part) + (" (stand-in)" if facts["stand_in"] else "")


def _pairs(rows: list[tuple[str, str]], stem: str = "") -> Iterator[str]:
    yield from columns([(stem + key, value) for key, value in rows if value])


def _block(talk: Talk, title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield talk.paint(title, "bold")
        yield from (f"  {line}" for line in columns(rows))


COMMANDS: dict[str, Callable[..., None]] = {"log": log, "show": show}
