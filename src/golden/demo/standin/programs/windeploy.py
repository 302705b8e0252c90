"""
What a sealed Windows does at its first boot: specialize and OOBE, after which it is a deployed one.

With an answer file that is no XML it says so in Panther's log, and stays what it was (docs/facts: windows 3.1).
"""

from __future__ import annotations

import time

from .registry import registry_of
from .seed import set_computer_name, set_machine_sid
from .world import World


def at_boot(world: World) -> None:
    """A new identity where Setup asks for it (SetupType 2, CmdLine names windeploy); nothing otherwise."""
    registry = registry_of(world.root, world.machine)
    _finish_join(world)
    with registry.open("SYSTEM") as system:
        asked = system.get("Setup", "SetupType") == 2 and "windeploy" in str(system.get("Setup", "CmdLine")).lower()
    if not asked or not _answers_are_read(world):
        return
    import random
    import uuid

    dice = random.SystemRandom()
    set_machine_sid(registry, (dice.getrandbits(32), dice.getrandbits(32), dice.getrandbits(32)))
    set_computer_name(registry, f"WIN-{dice.getrandbits(44):011X}")
    with registry.open("SOFTWARE", write=True) as software:
        software.set("Microsoft\\Cryptography", "MachineGuid", str(uuid.UUID(int=dice.getrandbits(128))))
        software.set("Microsoft\\Windows\\CurrentVersion\\Setup\\State", "ImageState", "IMAGE_STATE_COMPLETE")
    with registry.open("SYSTEM", write=True) as system:
        for name in ("SetupType", "SystemSetupInProgress", "OOBEInProgress"):
            system.set("Setup", name, 0)
        system.set("Setup", "CmdLine", "")
    state = world.path("C:\\Windows\\Setup\\State\\State.ini")
    state.write_bytes(b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n")


def _finish_join(world: World) -> None:
    """Fault ``joins``: a start finishes a domain join that waits."""
    if not world.fault("joins"):
        return
    netlogon = "CurrentControlSet\\Services\\Netlogon"
    with registry_of(world.root, world.machine).open("SYSTEM", write=True) as system:
        if (joined := system.get(netlogon, "JoinDomain")) is not None:
            system.delete_value(netlogon, "JoinDomain")
            system.set("CurrentControlSet\\Services\\Tcpip\\Parameters", "Domain", joined)


def _answers_are_read(world: World) -> bool:
    """Whether the answer file that the registry names can be read, if it names one."""
    from xml.etree import ElementTree

    with registry_of(world.root, world.machine).open("SYSTEM") as system:
        named = system.get("Setup", "UnattendFile")
    if not named or not world.path(str(named)).is_file():
        return True
    try:
        ElementTree.fromstring(world.path(str(named)).read_bytes())  # noqa: S314 -- the guest is thrown away
    except ElementTree.ParseError:
        words = "Windows could not parse or process the unattend answer file for pass [specialize]. The settings "
        words += "specified in the answer file cannot be applied."
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, Error                 [setup.exe] {words}\r\n".encode()
        for name in ("setupact.log", "setuperr.log"):
            with world.path(f"C:\\Windows\\Panther\\{name}").open("ab") as file:
                file.write(line)
        return False
    return True
