"""The guest family of in-memory machines: what a family owes procedures, in its simplest strict form."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from golden.disk.source import BlockSource
from golden.errors import ChangeFailed, GeneralizeFailed, NotFound, ProofFailed, UsageError
from golden.guest.dialect import Dialect, Script
from golden.guest.family import Applied, Family, FormMaker, Mended, Pending, Prepared, SealOrder, Standing, Wanted
from golden.guest.running import Running, Seen
from golden.guest.session import Session
from golden.model import (
    Change,
    Checked,
    Finding,
    GuestFacts,
    GuestState,
    PayloadFile,
    Rearm,
    Sealing,
    SealProof,
    Severity,
)
from golden.waiting import Deadline
from golden.windows.answers.findings import for_capture

SCRIPTS = Path(__file__).with_name("scripts")
REBOOT = 3010
TOLD = ("/state", "/log")
"""Where an in-memory guest tells of itself."""


class MemoryDialect:
    """Argument lists of the instructions in ``memory_guest``."""

    work_folder = "/golden"
    launcher = Script(SCRIPTS / "launch")

    def join(self, folder: str, *names: str) -> str:
        """With slashes."""
        return "/".join((folder.rstrip("/"), *names))

    def make_folder(self, path: str) -> tuple[str, ...]:
        """With its parents."""
        return ("mkdir", path)

    def remove_folder(self, path: str) -> tuple[str, ...]:
        """With all in it."""
        return ("rmdir", path)

    def launch(self, launcher: str, order: str) -> tuple[str, ...]:
        """Run an order file."""
        return ("launch", launcher, order)

    def encode_order(self, order: Mapping[str, object]) -> bytes:
        """As JSON."""
        return json.dumps(order).encode()

    def encode_parameters(self, parameters: Mapping[str, object]) -> bytes:
        """As JSON."""
        return json.dumps(parameters).encode()

    def shipped(self, script: str, parameters: str, result: str) -> tuple[str, ...]:
        """Run one of ours."""
        return ("shipped", script, parameters, result)

    def interpreter(self, script: str) -> tuple[str, ...]:
        """Run a user's script; only ``.memory`` can be run."""
        if not script.endswith(".memory"):
            raise UsageError(f"{script}: in-memory guests run .memory scripts only")
        return ("run", script)

    def shut_down(self) -> tuple[str, ...]:
        """Off."""
        return ("poweroff",)

    def restart(self) -> tuple[str, ...]:
        """Off and on."""
        return ("reboot",)

    @property
    def probe(self) -> Script:
        """Answers the boot mark."""
        return Script(SCRIPTS / "probe")

    @property
    def hasher(self) -> Script:
        """Answers size and SHA-256."""
        return Script(SCRIPTS / "hash")


@dataclass(slots=True)
class MemoryFamily:
    """Changes leave "NAME begun" and "NAME done" in the guest's log; each line once, or the proof fails."""

    name: str = "memory"
    dialect: Dialect = field(default_factory=MemoryDialect)
    seals: tuple[str, ...] = ("sysprep", "linux", "none")
    asked: tuple[str, ...] = ()
    on_disk: tuple[str, ...] = ("memory.state",)

    def read(self, disk: Seen) -> GuestFacts:
        """State from the file ``/state``; UNKNOWN where it is missing or says nothing that is known."""
        files = files_of(disk)
        said = files.get("/state", "")
        state = GuestState(said) if said in set(GuestState) else GuestState.UNKNOWN
        return GuestFacts(
            os=self.name,
            state=state,
            evidence=(("/state", said),),
            product="in-memory guest",
            architecture="x86_64",
            stand_in=True,
        )

    def inspect(self, disk: BlockSource, order: SealOrder) -> Checked:  # noqa: ARG002
        """State, and what the file ``/findings`` says the disk shows."""
        files = files_of(disk)
        state = files.get("/state", "")
        found = _shown(files.get("/findings", "[]"), "offline")
        unfit = Finding("memory.state", Severity.ERROR, f"the guest is {state or 'in no state'}", "/state")
        bad = () if state in ("VIRGIN", "DEPLOYED") else (unfit,)
        return Checked((*bad, *found.findings), ("memory.state", *found.made))

    def check(self, session: Session, order: SealOrder, deadline: Deadline) -> Checked:  # noqa: ARG002
        """What the file ``/findings`` says the running guest shows."""
        told = session.script(Script(SCRIPTS / "check"), "asking the guest what it finds", deadline)
        return _shown(told["findings"], "online")

    def fix(self, session: Session, findings: tuple[Finding, ...], deadline: Deadline) -> Mended:
        """
        Mark the findings whose fix is ``safe`` as fixed in ``/findings``, and note one more try of all that it tries.

        One whose fix is ``returns`` is met again afterwards, one whose fix is ``refused`` cannot be fixed.
        """
        tried = [one.id for one in findings if one.fix in ("safe", "returns", "refused")]
        if not tried:
            return Mended()
        session.script(Script(SCRIPTS / "fix"), "fixing", deadline, ids=tried)
        refused = [one.id for one in findings if one.fix == "refused"]
        return Mended(
            tuple(f"{name}: fixed" for name in tried if name not in refused),
            tuple((name, ChangeFailed("the guest refused", details="Access is denied.")) for name in refused),
        )

    def lint(self, answers: Path, facts: GuestFacts) -> tuple[Finding, ...]:
        """As a Windows of no edition, since in-memory guests take the seal ``sysprep``."""
        return for_capture(answers, facts)

    def prepare(self, wanted: Wanted, facts: GuestFacts) -> Prepared:  # noqa: ARG002
        """One file a change. UsageError for an empty file or unknown kind, or without a destination."""
        if wanted.kind not in ("driver", "script", "file"):
            raise UsageError(f"{wanted.kind}: in-memory guests take driver, script and file")
        if not wanted.source.is_file():
            raise NotFound(f"no file {wanted.source}")
        content = wanted.source.read_bytes()
        if not content:
            raise UsageError(f"{wanted.source} is empty")
        if wanted.kind == "script":
            self.dialect.interpreter(wanted.source.name)
        if wanted.kind == "file" and not wanted.destination:
            raise UsageError(f"{wanted.source}: a file needs a destination in the guest")
        payload = PayloadFile(wanted.source.name, hashlib.sha256(content).hexdigest(), len(content))
        arguments = (("destination", wanted.destination),) if wanted.destination else ()
        record = json.dumps([wanted.kind, arguments, payload.name, payload.sha256])
        digest = hashlib.sha256(record.encode()).hexdigest()
        change = Change(wanted.kind, wanted.source.name, (payload,), arguments, digest)
        return Prepared(change, ((payload, wanted.source),))

    def apply(self, session: Session, change: Change, files: Mapping[str, Path], deadline: Deadline) -> Applied:
        """Push the file and install it under the change's name; exit code 3010 asks for a restart."""
        payload = change.files[0]
        target = dict(change.arguments).get("destination") or session.dialect.join(session.folder, payload.name)
        session.push(files[payload.name], target, deadline)
        ran = session.run(("install", change.name, target), f"applying {change.name}", deadline)
        if ran.code not in (0, REBOOT):
            raise ChangeFailed(f"{change.name} ended with code {ran.code}", details=ran.err or ran.out)
        return Applied(reboot=ran.code == REBOOT)

    def look(self, session: Session, change: Change, deadline: Deadline) -> Standing:  # noqa: ARG002
        """Nothing that could be asked for without running it again."""
        return Standing(None)

    def settle(self, session: Session, deadline: Deadline, *, restarted: bool) -> Pending:  # noqa: ARG002
        """A guest of this family has settled when it answers."""
        return Pending()

    def prove(self, disk: Seen, changes: tuple[Change, ...]) -> tuple[tuple[str, str], ...]:
        """Each change has begun once and is done once, read from the disk."""
        lines = Counter(files_of(disk).get("/log", "").splitlines())
        for change in changes:
            seen = (lines[f"{change.name} begun"], lines[f"{change.name} done"])
            if seen != (1, 1):
                raise ProofFailed(f"{change.name} began {seen[0]} times and was done {seen[1]} times; once is right")
        return tuple((change.name, "/log: begun once, done once") for change in changes)

    def readings(self, session: Session, deadline: Deadline) -> Rearm | None:  # noqa: ARG002
        """Nothing: it has no licence."""
        return None

    def generalize(self, session: Session, order: SealOrder, facts: GuestFacts, deadline: Deadline) -> Sealing:  # noqa: ARG002
        """Run ``seal`` in the guest, for every seal but ``none``."""
        if order.seal == "none":
            return Sealing()
        ran = session.run(("seal",), "sealing the guest", deadline)
        if ran.code != 0:
            raise GeneralizeFailed(f"sealing ended with code {ran.code}", details=ran.err)
        return Sealing()

    def prove_sealed(self, disk: Seen, seal: str, answer_file: str = "") -> SealProof:  # noqa: ARG002
        """SEALED, and sealed exactly once; with the seal ``none`` VIRGIN, and never sealed."""
        facts, lines = self.read(disk), Counter(files_of(disk).get("/log", "").splitlines())
        times = 0 if seal == "none" else 1
        wanted = (GuestState.VIRGIN if seal == "none" else GuestState.SEALED, times, times)
        met = (facts.state, lines["seal begun"], lines["seal done"])
        if met != wanted:
            raise ProofFailed(f"not sealed as {seal}: state, seal begun, seal done are {met}, not {wanted}")
        signals = (("state", str(facts.state)), ("seal begun", str(met[1])), ("seal done", str(met[2])))
        way = "guest" if isinstance(disk, Running) else "disk"
        return SealProof(seal, way, facts, signals, datetime.now(UTC).isoformat(timespec="seconds"))

    def form_maker(self, form: str) -> FormMaker:
        """What its disk holds, as a text file: the least that is a form."""
        if form != "text":
            raise UsageError(f"of an in-memory guest golden makes no {form!r}", hint="--form text")
        return _as_text


def _shown(text: str, way: str) -> Checked:
    """``[{"id", "severity", "fix", "way", "fixed"}]``; without a way it is shown both ways, fixed no more."""
    known = [one for one in json.loads(text or "[]") if one.get("way", way) == way]
    findings = tuple(
        Finding(one["id"], Severity(one["severity"]), f"{one['id']} was met", way, one.get("fix", ""))
        for one in known
        if not one.get("fixed")
    )
    return Checked(findings, tuple(dict.fromkeys(str(one["id"]) for one in known)))


def _as_text(disk: BlockSource, folder: Path, title: str) -> Path:
    target = folder / "image.text"
    target.write_text(json.dumps({"title": title, "files": files_of(disk)}), "utf-8")
    return target


def files_of(disk: Seen) -> dict[str, str]:
    """The files on the disk of an in-memory machine, or those of a running one that say something. ProofFailed."""
    if isinstance(disk, Running):
        read = {path: disk.session.get(path, disk.deadline) for path in TOLD}
        return {path: data.decode() for path, data in read.items() if data is not None}
    try:
        return dict(json.loads(disk.read_at(0, disk.size)))
    except ValueError as error:
        raise ProofFailed("this is not the disk of an in-memory machine", details=str(error)) from error


if TYPE_CHECKING:
    _dialect: type[Dialect] = MemoryDialect
    _family: type[Family] = MemoryFamily
