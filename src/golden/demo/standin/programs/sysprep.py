"""sysprep.exe, to the letter of docs/facts: windows 1: order of work, log, tag, ImageState, SetupType, rearm."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import sysprep_faults, unfit
from .registry import registry_of
from .shipped import is_running
from .sysprep_log import Failed, Log, now
from .world import World

SYSPREP = "C:\\Windows\\System32\\Sysprep"
TAG = SYSPREP + "\\Sysprep_succeeded.tag"
STATE = "Microsoft\\Windows\\CurrentVersion\\Setup\\State"
STATUS = "Setup\\Status\\SysprepStatus"
OPTIONS = ("OOBE", "AUDIT", "GENERALIZE", "QUIET", "QUIT", "SHUTDOWN", "REBOOT")


class Wanted:
    """The command line of one run."""

    def __init__(self, switches: tuple[str, ...], unattend: str | None, mode: str | None) -> None:
        """``switches`` in upper case; ``unattend`` an answer file's path; ``mode`` "vm" or None."""
        self.switches = switches
        self.unattend = unattend
        self.mode = mode


def main(world: World, arguments: list[str]) -> int:
    """One run. The exit code says little, as the real one's: the log and the state are the result."""
    if is_running(world, "sysprep"):
        return 1
    fault = world.fault("sysprep") or unfit.failure(world)
    if fault == "exit0-no-seal":
        return 0
    with running(world):
        log = Log(world)
        wanted = _begin(world, log, arguments, fault)
        if wanted is None:
            return 1
        try:
            _work(world, log, wanted, fault)
        except Failed as failed:
            log.chain(failed)
            while "QUIET" not in wanted.switches:  # the real one shows a dialog that nobody sees
                time.sleep(3600)
            return failed.code
        _end(world, log, wanted)
    return 0


@contextmanager
def running(world: World) -> Iterator[None]:
    """Note that sysprep runs, for whoever asks for its process."""
    mark = world.machine / "running-sysprep"
    mark.write_text(str(os.getpid()))
    (world.machine / "sysprep-ran-as").write_text(world.env.get("USERNAME", "SYSTEM"))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _begin(world: World, log: Log, arguments: list[str], fault: object) -> Wanted | None:
    log.info("0x0f004d", f"The time is now {now()}")
    log.info("0x0f004e", f"Initialized SysPrep log at {SYSPREP}\\Panther")
    if fault == "privileges":
        # That the next line is missing is all that is known of such a run; the words of this error are chosen.
        log.error("0x0f0048", "ValidatePrivileges:User does not have required privileges to sysprep machine")
        return None
    log.info("0x0f0054", "ValidatePrivileges:User has required privileges to sysprep machine")
    wanted = _parse(log, arguments)
    if wanted is None:
        return None
    tag = world.path(TAG)
    if tag.exists():
        tag.unlink()
        log.info("0x0f007c", f"FCreateTagFile:Successfully deleted tag file {TAG}")
    else:
        log.info("0x0f007e", f"FCreateTagFile:Tag file {TAG} does not already exist, no need to delete anything")
    renames = "CurrentControlSet\\Control\\Session Manager"
    if registry_of(world.root, world.machine).get(f"HKLM\\SYSTEM\\{renames}", "PendingFileRenameOperations"):
        log.warning(None, "WinMain: File operations pending")
    if wanted.mode:
        log.info("0x0f00b7", f"WinMain:Sysprep mode [{wanted.mode}]; was specified")
    return wanted


def _parse(log: Log, arguments: list[str]) -> Wanted | None:
    switches, unattend, mode = [], None, None
    for argument in arguments:
        name, _, value = argument.lstrip("-/").partition(":")
        name = name.upper()
        if name == "UNATTEND" and value:
            unattend = value.strip('"')
        elif name == "MODE" and value.lower() == "vm":
            mode = value.lower()
        elif name in OPTIONS and not value:
            switches.append(name)
        else:
            log.error("0x0f0049", f"ParseCommands:Found unsupported command line option '{name}'")
            return None
        log.info("0x0f005f", f"ParseCommands:Found supported command line option '{name}'")
    after = [name for name in switches if name in ("OOBE", "AUDIT")]
    ends = [name for name in switches if name in ("QUIT", "SHUTDOWN", "REBOOT")]
    if len(after) != 1 or len(ends) > 1:
        log.error("0x0f004a", "ParseCommands:Invalid combination of command line options was specified")
        return None
    return Wanted(tuple(switches), unattend, mode)


def _work(world: World, log: Log, wanted: Wanted, fault: object) -> None:
    _answer_file(world, log, wanted)
    generalize = "GENERALIZE" in wanted.switches
    for section in ("cleanup", "generalize") if generalize else ("cleanup",):
        log.info("0x0f00d7", f"WinMain:Pre-validing '{section}' internal providers.")
        _check_state(world, log, section, running=False)
        sysprep_faults.validate(log, section, fault)
    if fault == "hang":
        while True:
            time.sleep(3600)
    for section in ("cleanup", "generalize") if generalize else ("cleanup",):
        log.info("0x0f003d", f"WinMain:Processing '{section}' internal provider request.")
        if section == "generalize":
            _generalize(world, log, wanted, fault)
    _reseal(world, log, wanted, "GENERALIZE_RESEAL" if generalize else "SPECIALIZE_RESEAL")


def _answer_file(world: World, log: Log, wanted: Wanted) -> None:
    if wanted.unattend is None:
        return
    from xml.etree import ElementTree

    path = world.path(wanted.unattend)
    try:
        root = ElementTree.fromstring(path.read_bytes()).tag  # noqa: S314 -- the guest is thrown away
    except (OSError, ElementTree.ParseError) as error:
        log.error("0x0f0052", f"WinMain:The answer file {wanted.unattend} cannot be used: {error}")  # noqa: TRY400
        raise Failed("cleanup", "DeserializeAnswerFile", "unattend.dll", 0x80070002, 0x2, running=False) from error
    if not root.endswith("unattend"):
        log.error("0x0f0052", f"WinMain:The file {wanted.unattend} is no answer file, its root is <{root}>")
        raise Failed("cleanup", "DeserializeAnswerFile", "unattend.dll", 0x80220001, 0x80220001, running=False)
    cached = world.path("C:\\Windows\\Panther\\unattend.xml")
    cached.parent.mkdir(parents=True, exist_ok=True)
    if path != cached:
        shutil.copyfile(path, cached)
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
        system.set("Setup", "UnattendFile", "C:\\Windows\\Panther\\unattend.xml")
    log.info(None, "WinMain:Cached the answer file at C:\\Windows\\Panther\\unattend.xml")


def _check_state(world: World, log: Log, section: str, *, running: bool) -> None:
    """A Windows that is sealed, or that an earlier run left half generalized, is refused."""
    registry = registry_of(world.root, world.machine)
    state = registry.get("HKLM\\SOFTWARE\\" + STATE, "ImageState")
    stuck = registry.get("HKLM\\SYSTEM\\" + STATUS, "GeneralizationState") == 3
    if state != "IMAGE_STATE_COMPLETE" or stuck:
        log.error("0x0f0070", "RunDlls:Not running DLLs; either the machine is in an invalid state or we couldn't "
                  "update the recorded state, dwRet = 31")  # fmt: skip
        raise Failed(section, None, None, 0x8007001F, 0x1F, running=running)


def _generalize(world: World, log: Log, wanted: Wanted, fault: object) -> None:
    registry = registry_of(world.root, world.machine)
    with registry.open("SYSTEM", write=True) as system, registry.open("SOFTWARE") as software:
        system.set(STATUS, "GeneralizationState", 3)
        skip = software.get("Microsoft\\Windows NT\\CurrentVersion\\SoftwareProtectionPlatform", "SkipRearm") == 1
    if fault == "half":
        _undeployable(world)
        raise Failed("generalize", "Sysprep_Generalize_Pnp", "sppnp.dll", 0x80070005, 0x5, running=True)
    if (failed := sysprep_faults.failure_while_running(log, fault)) is not None:
        _undeployable(world)
        raise failed
    if not skip:
        _rearm(world, log)
    log.error(None, "SPPNP: Failed to queue enumerated driver packages. Err = 0x57")  # in every good run, too
    if wanted.mode != "vm":
        log.error(None, "Unable to uninstall device ROOT\\SYSTEM\\0001. Err = 0xE0000231")
        log.info(None, "SPPNP: Uninstalled devices of this hardware")
    if world.fault("firmware") == "refuses-entries":
        log.error(None, "BCD: BiUpdateEfiEntry failed c000000d")
        log.error(None, "BCD: BiExportStoreAlterationsToEfi failed c000000d")
    with registry.open("SYSTEM", write=True) as system:
        system.set(STATUS, "GeneralizationState", 7)
        system.set(STATUS, "CleanupState", 2)


def _rearm(world: World, log: Log) -> None:
    counter = world.path("C:\\Windows\\System32\\spp\\store\\2.0\\rearm.txt")
    left = int(counter.read_text())
    if left <= 0:
        _undeployable(world)
        log.error(None, "Sysprep_Generalize_Activate: SLReArmWindows failed, hr = 0xc004d307")
        raise Failed("generalize", "SLReArmWindows", "slc.dll", 0xC004D307, 0xC004D307, running=True)
    counter.write_text(str(left - 1))


def _undeployable(world: World) -> None:
    _set_image_state(world, "IMAGE_STATE_UNDEPLOYABLE")


def _set_image_state(world: World, state: str) -> None:
    with registry_of(world.root, world.machine).open("SOFTWARE", write=True) as software:
        software.set(STATE, "ImageState", state)
    world.path("C:\\Windows\\Setup\\State\\State.ini").write_bytes(f"[State]\r\nImageState={state}\r\n".encode())


def _reseal(world: World, log: Log, wanted: Wanted, kind: str) -> None:
    goal = "AUDIT" if "AUDIT" in wanted.switches else "OOBE"
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
        system.set("Setup", "SetupType", 2)
        system.set("Setup", "CmdLine", "oobe\\windeploy.exe")
        system.set("Setup", "SystemSetupInProgress", 1)
        system.set("Setup", "OOBEInProgress", 1)
        if "GENERALIZE" in wanted.switches:
            system.set("Setup", "CloneTag", [time.strftime("%a %b %d %H:%M:%S %Y")])
    _set_image_state(world, f"IMAGE_STATE_{kind}_TO_{goal}")
    log.info("0x0f0056", f"SetImageState: Set image state to IMAGE_STATE_{kind}_TO_{goal}")
    world.path(TAG).write_bytes(b"")
    log.info("0x0f0057", f"FCreateTagFile:Successfully created tag file {TAG}")


def _end(world: World, log: Log, wanted: Wanted) -> None:
    if "QUIT" in wanted.switches:
        return
    verb = "reboot" if "REBOOT" in wanted.switches else "shutdown"
    log.info("0x0f0058", f"ProcessShutdown:Successfully called InitiateSystemShutdownEx to {verb} the computer")
    if world.fault("shutdown") != "never":
        world.power("reboot" if verb == "reboot" else "off")
