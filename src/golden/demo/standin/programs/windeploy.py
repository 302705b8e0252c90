"""What a sealed Windows does at its first boot: specialize and OOBE, after which it is a deployed one."""

from __future__ import annotations

from .registry import registry_of
from .seed import set_computer_name, set_machine_sid
from .world import World


def at_boot(world: World) -> None:
    """A new identity where Setup asks for it (SetupType 2, CmdLine names windeploy); nothing otherwise."""
    registry = registry_of(world.root, world.machine)
    with registry.open("SYSTEM") as system:
        asked = system.get("Setup", "SetupType") == 2 and "windeploy" in str(system.get("Setup", "CmdLine")).lower()
    if not asked:
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
