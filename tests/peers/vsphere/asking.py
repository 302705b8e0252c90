"""What tests of the peer ask often."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from tests.peers.vsphere.client import Client


def files(client: Client, machine: Any) -> list[str]:
    """The chain of a machine's first disk, its own file first."""
    devices = client.read(machine, "config.hardware.device")["config.hardware.device"]
    backing = next(d.backing for d in devices if isinstance(d, vim.vm.device.VirtualDisk))
    found = []
    while backing is not None:
        found.append(backing.fileName)
        backing = backing.parent
    return found


def snapshot(client: Client, machine: Any, name: str = "v1") -> Any:
    """A snapshot without memory."""
    return client.wait(machine.CreateSnapshot_Task(name, "", False, False))


def clone(client: Client, machine: Any, name: str, **more: Any) -> Any:
    """A full clone, or what ``more`` makes of it."""
    spec = vim.vm.CloneSpec(**{"location": vim.vm.RelocateSpec(), "powerOn": False, "template": False, **more})
    return client.wait(machine.CloneVM_Task(client.read(machine, "parent")["parent"], name, spec))


def option(client: Client, machine: Any) -> dict[str, str]:
    """golden's part of extraConfig as a dictionary; a key that is there twice is a mistake of the peer's."""
    found = client.read(machine, "config.extraConfig").get("config.extraConfig", [])
    assert len({each.key for each in found}) == len(found)
    return {each.key: each.value for each in found if each.key.startswith("golden.")}
