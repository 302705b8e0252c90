"""The binder refuses what PowerShell's refuses, with its ids; commands are known by name, patterns are patterns."""

from __future__ import annotations

from typing import Any

import pytest
from pypsrp.complex_objects import GenericComplexObject

from tests.peers.hyperv import registry
from tests.peers.hyperv.client import Client
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.tables import tables

DISK = "C:\\golden\\x.vhdx"


@pytest.mark.parametrize(
    ("command", "given", "fqid"),
    [
        ("Get-Nothing", {}, "CommandNotFoundException"),
        ("Get-VM", {"Nme": "x"}, "NamedParameterNotFound,Microsoft.HyperV.PowerShell.Commands.GetVM"),
        ("Set-VM", {"Automatic": 1, "Name": "x"}, "AmbiguousParameter,Microsoft.HyperV.PowerShell.Commands.SetVM"),
        ("Get-VM", {"Name": "x", "Na": "y"}, "ParameterAlreadyBound,Microsoft.HyperV.PowerShell.Commands.GetVM"),
        ("Convert-VHD", {"Path": DISK}, "MissingMandatoryParameter,Microsoft.Vhd.PowerShell.Cmdlets.ConvertVHD"),
        ("New-VHD", {"Path": DISK, "ParentPath": DISK, "Fixed": True},
         "AmbiguousParameterSet,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd"),
        ("New-VM", {"Name": "x", "VHDPath": DISK, "NewVHDPath": DISK},
         "AmbiguousParameterSet,Microsoft.HyperV.PowerShell.Commands.NewVM"),
        ("Get-VM", {"Id": "no guid"}, "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.GetVM"),
        ("New-VM", {"Name": "x", "Generation": 70000},
         "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.NewVM"),
        ("New-VHD", {"Path": DISK, "SizeBytes": -1},
         "CannotConvertArgumentNoMessage,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd"),
        ("Set-VM", {"Name": "x", "CheckpointType": "Sometimes"},
         "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.SetVM"),
        ("Set-VM", {"Name": "x", "AutomaticCheckpointsEnabled": "false"},
         "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.SetVM"),
        ("Start-VM", {"VM": "x"}, "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.StartVM"),
        ("Get-VHD", {"Path": ""},
         "ParameterArgumentValidationErrorEmptyStringNotAllowed,Microsoft.Vhd.PowerShell.Cmdlets.GetVHD"),
        ("Get-VHD", {"Path": None},
         "ParameterArgumentValidationErrorNullNotAllowed,Microsoft.Vhd.PowerShell.Cmdlets.GetVHD"),
        ("Get-VM", {"ErrorAction": "Perhaps"},
         "CannotConvertArgumentNoMessage,Microsoft.HyperV.PowerShell.Commands.GetVM"),
    ],
)  # fmt: skip
def test_what_no_binder_takes(run: Client, command: str, given: dict[str, Any], fqid: str) -> None:
    """Nothing is run, and the error's id is PowerShell's."""
    assert run(command, **given).fqid == fqid


def test_a_script_block_cannot_be_a_parameter_over_the_wire(run: Client, peer: Peer) -> None:
    """It arrives as text, which is none (facts 1.3)."""
    refused = run("Invoke-Command", VMName="x", Credential=run.guest(), ScriptBlock="Get-Date")
    assert refused.fqid.startswith("CannotConvertArgumentNoMessage,")


def test_an_object_that_came_back_is_no_live_one(run: Client, peer: Peer) -> None:
    """Deserialized objects bind to no -VM."""
    made = peer.seed("back")
    back = GenericComplexObject()
    back.types = ["Deserialized.Microsoft.HyperV.PowerShell.VirtualMachine", "Deserialized.System.Object"]
    back.adapted_properties = {"Name": "back", "Id": made.id}
    assert run("Start-VM", VM=back).fqid.startswith("CannotConvertArgumentNoMessage,")


def test_live_objects_flow_in_one_pipeline(run: Client, peer: Peer) -> None:
    """By value, and by property name; what fits nowhere is an error that ends nothing."""
    made = peer.seed("flow")
    assert run("Get-VM", ("Get-VMHardDiskDrive", {}), ("Get-VHD", {}), Name="flow").one["Path"] == made.disk
    assert run("Get-VMHost", ("Start-VM", {})).fqid == (
        "InputObjectNotBound,Microsoft.HyperV.PowerShell.Commands.StartVM"
    )


def test_selected_properties_are_what_arrives(run: Client, peer: Peer) -> None:
    """Select-Object gives these and no others; enumerations are their names, objects below the first level are text."""
    peer.seed("chosen")
    found = run(
        "Get-VM", ("Select-Object", {"Property": ["Name", "State", "NetworkAdapters", "Nonsense"]}), Name="chosen"
    )
    assert found.one == {"Name": "chosen", "State": "Off", "NetworkAdapters": ["Network Adapter"], "Nonsense": None}


def test_names_are_patterns_and_ids_are_not(run: Client, peer: Peer) -> None:
    """A bracket in a name is a set of characters; a name nobody has is an error, a pattern nobody matches is not."""
    peer.seed("web1"), peer.seed("web[1]")
    assert [each["Name"] for each in run("Get-VM", Name="web[1]").output] == ["web1"]
    (odd,) = [each for each in peer.world.machines() if each["name"] == "web[1]"]
    assert run("Get-VM", Id=odd["id"]).one["Name"] == "web[1]"
    assert run("Get-VM", Name="web`[1`]").one["Name"] == "web[1]"
    assert run("Get-VM", Name="nope*").output == run("Get-VM", Name="nope*").errors == []
    assert run("Get-VM", Name="nope").fqid == "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"


def test_error_action_decides_what_an_error_ends(run: Client) -> None:
    """Stop ends the pipeline with the same id, SilentlyContinue says nothing."""
    for action, ids in (("Stop", 1), ("Continue", 1), ("SilentlyContinue", 0)):
        met = run("Get-VM", Name="nope", ErrorAction=action)
        assert len(met.errors) == ids
        assert all(each[0] == "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM" for each in met.errors)


def test_a_prompt_is_an_error(run: Client, peer: Peer) -> None:
    """Nobody can answer it in a session; -Confirm:$false and -Force ask nothing, -WhatIf does nothing."""
    peer.seed("asked")
    assert run("Remove-VM", Name="asked").fqid.startswith("InvalidOperation")
    assert run("Remove-VM", Name="asked", WhatIf=True).errors == []
    assert run("Get-VM", Name="asked").one["Name"] == "asked"
    assert run("Remove-VM", Name="asked", Confirm=False).errors == []
    assert run("Get-VM", Name="asked").fqid


def test_every_command_has_a_table_and_get_command_shows_it(run: Client) -> None:
    """Parameters are listed, so that a client can ask for one that only newer hosts have."""
    assert set(registry.commands()) <= set(tables()) | {
        each.name.lower() for each in registry.commands().values() if each.table.sets
    }
    shown = run("Get-Command", Name="Set-VM").one
    assert "AutomaticCheckpointsEnabled" in shown["Parameters"]
    assert run("Get-Command", Name="Get-Nothing", ErrorAction="SilentlyContinue").output == []
