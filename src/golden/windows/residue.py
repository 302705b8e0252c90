"""
What must not be left in a sealed image, looked for on its powered-off disk.

golden's own traces and secrets are errors; what a deployment may want, or what is unconfirmed ([K]), is a warning.
docs/facts: windows 4.1, 4.4, 6.1, 8.1 to 8.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from golden.disk.damage import Damaged
from golden.disk.hive import Hive
from golden.disk.source import Files
from golden.errors import NotFound, ProofFailed
from golden.model import Finding, Severity
from golden.windows.account import BUILDER
from golden.windows.answers_left import answer_files
from golden.windows.dialect import WindowsDialect
from golden.windows.launching import CLEAN_UP_TASK, TASK
from golden.windows.local import TASK as LOCAL_TASK
from golden.windows.sam import accounts, has_secret, profiles, tasks
from golden.windows.state import open_hive

_WINLOGON = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
_MEMORY = "Control\\Session Manager\\Memory Management"
_PAGING = {"pagefile.sys": "paging file", "swapfile.sys": "paging file of apps", "hiberfil.sys": "hibernation file"}
_CHUNKS = "System Volume Information/Dedup/ChunkStore"
_RECOVERY = "Windows/System32/Recovery/Winre.wim"
_TASKS = {TASK, CLEAN_UP_TASK, LOCAL_TASK}
_SPOOL = ".golden"
"""What the way in by SSH keeps in its account's home."""
_WORK_FOLDER = WindowsDialect.work_folder[3:].replace("\\", "/")


def residue(
    volume: Files, seal: str, answer_file: str, hives: Mapping[str, Hive] | None = None, *, running: bool = False
) -> tuple[Finding, ...]:
    """
    Everything that was left, errors first. In a running guest golden itself is still there, and that is not judged.

    ``answer_file`` is the SHA-256 of the one that was meant, or empty. For the seal ``none`` nothing is an error:
    such an image is not deployed as it is, and what is in it is the reference's own.
    """
    opened = hives or {name: open_hive(volume, name) for name in ("SOFTWARE", "SYSTEM")}
    software, system = opened["SOFTWARE"], opened["SYSTEM"]
    found = [
        *(_unseen() if running else (*_builder(volume, software), *_own_files(volume, software))),
        *_auto_logon(volume, software),
        *answer_files(volume, system, answer_file),
        *_memory(volume, system),
        *_for_a_wim(volume),
    ]
    if seal == "none":
        found = [replace(one, severity=Severity.WARNING) if one.severity is Severity.ERROR else one for one in found]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def refuse(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What was found, where none of it is an error. ProofFailed that shows all errors otherwise."""
    errors = [one for one in found if one.severity is Severity.ERROR]
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise ProofFailed(
            f"read from outside, the image is not clean: {errors[0].sentence}{more}",
            details="\n".join(f"{one.id}: {one.sentence} ({one.evidence})" for one in errors),
            hint=errors[0].fix or None,
        )
    return found


def _unseen() -> Iterator[Finding]:
    yield Finding(
        "residue-unseen",
        Severity.WARNING,
        "whether golden's own account, tasks and files are gone was not seen: this endpoint shows no disk",
        "they are taken away after this reading, while the guest switches itself off",
        "start one machine of the image and look for accounts and tasks that begin with golden-",
    )


def _builder(volume: Files, software: Hive) -> Iterator[Finding]:
    fix = "the clone is thrown away; capture again. If it happens again, name an account in golden.toml"
    try:
        names = [account.name for account in accounts(volume)]
    except (Damaged, NotFound) as error:
        yield Finding(
            "residue-accounts-unread",
            Severity.ERROR,
            "whether the account that golden made is gone cannot be seen: the SAM cannot be read",
            error.details or error.brief,
        )
        names = []
    for name in names:
        if BUILDER.fullmatch(name):
            yield _error("residue-account", f"the account {name}, which golden made, is still there", "SAM", fix)
    for profile in profiles(software):
        # Windows adds the computer's name where the folder is taken already.
        owner = profile.folder.rpartition("\\")[2].partition(".")[0]
        if BUILDER.fullmatch(owner):
            evidence = f"{profile.sid}: {profile.folder}"
            yield _error("residue-profile", f"the profile of {owner}, which golden made, is still there", evidence, fix)
    users = volume.find("Users")
    for entry in users.entries() if users and users.is_folder else ():
        if BUILDER.fullmatch(entry.name.partition(".")[0]):
            evidence = f"C:\\Users\\{entry.name}"
            sentence = "the profile folder of the account that golden made is still there"
            yield _error("residue-profile-folder", sentence, evidence, fix)


def _own_files(volume: Files, software: Hive) -> Iterator[Finding]:
    for task in tasks(volume, software):
        if task.lower() in _TASKS:
            sentence = f"golden's task {task} is still there, and a stored password with it"
            yield _error("residue-task", sentence, f"Tasks\\{task}")
    folder = volume.find(_WORK_FOLDER)
    entries = folder.entries() if folder and folder.is_folder else iter(())
    left = sorted(f"{WindowsDialect.work_folder}\\{entry.name}" for entry in entries)
    users = volume.find("Users")
    for user in users.entries() if users and users.is_folder else ():
        if volume.exists(f"Users/{user.name}/{_SPOOL}"):
            left.append(f"C:\\Users\\{user.name}\\{_SPOOL}")
    if left:
        yield _error("residue-files", "files of golden's are still there", ", ".join(left[:5]))


def _auto_logon(volume: Files, software: Hive) -> Iterator[Finding]:
    about = {name.lower(): value for name, value in software.values(_WINLOGON).items()}
    fix = "take AutoLogon out of the reference: delete DefaultPassword, AutoAdminLogon and AutoLogonCount"
    if about.get("defaultpassword"):
        sentence = "a password for logging on by itself stands in the registry in clear"
        yield _error("residue-autologon-password", sentence, f"SOFTWARE\\{_WINLOGON}!DefaultPassword", fix)
    if str(about.get("autoadminlogon", "0")) == "1":
        yield Finding(
            "residue-autologon",
            Severity.WARNING,
            "Windows logs an account on by itself at every start",
            f"SOFTWARE\\{_WINLOGON}!AutoAdminLogon = 1",
            fix,
        )
    if has_secret(volume, "DefaultPassword"):
        yield Finding(
            "residue-autologon-secret",
            Severity.WARNING,
            "a password for logging on by itself is kept among the secrets of the system (unconfirmed)",
            "SECURITY\\Policy\\Secrets\\DefaultPassword",
            fix,
        )


def _memory(volume: Files, system: Hive) -> Iterator[Finding]:
    """
    Paging and hibernation files, and plainly that there are none.

    They are left where they are: Windows holds its paging file until it is off, and a setting that does away with one
    of them would be in every machine that is made of the image. A WIM leaves them out; an image of the whole disk
    carries them (docs/facts: windows 6.1). A disk that hibernated is not the whole state of its guest (1.4).
    """
    current = system.value("Select", "Current")
    control = f"ControlSet{current if isinstance(current, int) else 1:03d}\\{_MEMORY}"
    cleared = system.value(control, "ClearPageFileAtShutdown") == 1
    if volume.is_hibernated():
        sentence = "the guest hibernated instead of switching itself off, so its disk is not the whole of it"
        yield _error("residue-hibernated", sentence, "C:\\hiberfil.sys", "powercfg /h off in the reference")
        return
    met = [(name, file.size) for name in _PAGING if (file := volume.find(name)) is not None and file.size]
    for name, size in met:
        shown, evidence = f"a {_PAGING[name]} of {size >> 20} MiB travels with the image", f"C:\\{name}"
        if cleared and name == "pagefile.sys":
            sentence = f"{shown}; Windows was told to overwrite it when it switched off"
            yield Finding("residue-memory-cleared", Severity.INFO, sentence, evidence)
            continue
        fix = "powercfg /h off in the reference" if name == "hiberfil.sys" else ""
        fix = fix or "ClearPageFileAtShutdown = 1 in the reference, or publish as WIM, which leaves it out"
        sentence = f"{shown}; it may hold what was in the clone's memory"
        yield Finding("residue-memory", Severity.WARNING, sentence, evidence, fix)
    if not met:
        yield Finding("residue-memory-none", Severity.INFO, "no paging or hibernation file is on the disk")


def _for_a_wim(volume: Files) -> Iterator[Finding]:
    """
    What a WIM of this volume would lack (docs/facts: windows 6.1). An image of the whole disk lacks neither: the
    chunks of deduplicated files and the recovery partition are in it.
    """
    if volume.exists(_CHUNKS):
        yield Finding(
            "residue-deduplicated",
            Severity.WARNING,
            "files of this volume are deduplicated; a WIM of it would hold them without their content",
            f"C:\\{_CHUNKS.replace('/', chr(92))}",
            "undo deduplication in the reference (Start-DedupJob -Type Unoptimization), or use no WIM of this image",
        )
    if not volume.exists(_RECOVERY):
        yield Finding(
            "residue-no-recovery",
            Severity.INFO,
            "the recovery environment is not on the Windows volume, so a WIM of it would come without one",
            f"no C:\\{_RECOVERY.replace('/', chr(92))}",
            "for a WIM: reagentc /disable in the reference is said to move it there (unconfirmed)",
        )


def _error(id_: str, sentence: str, evidence: str, fix: str = "") -> Finding:
    return Finding(id_, Severity.ERROR, sentence, evidence, fix)
