"""Every fault of vSphere's becomes an error of golden's, with vSphere's own words as details."""

from __future__ import annotations

import http.client
import ssl
from typing import Any

import httpx
import pytest
from pyVmomi import vim, vmodl

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused, Unreachable
from golden_vsphere.faults import LostAnswer, translated

FOLDER: Any = vim.Folder("group-v3", None)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (vim.fault.InvalidLogin(msg="wrong"), Refused),
        (vim.fault.NotAuthenticated(object=FOLDER, privilegeId="System.View"), Refused),
        (vim.fault.NoPermission(object=FOLDER, privilegeId="VirtualMachine.Inventory.Delete"), Refused),
        (vim.fault.DuplicateName(name="x", object=FOLDER), Conflict),
        (vim.fault.InvalidPowerState(requestedState="poweredOn", existingState="suspended"), Conflict),
        (vim.fault.TaskInProgress(task=vim.Task("task-1", None)), Conflict),
        (vim.fault.FileLocked(file="[ds] a/a.vmdk"), Conflict),
        (vim.fault.NoDiskSpace(file="[ds] a/a.vmdk", datastore="ds"), Refused),
        (vim.fault.InsufficientMemoryResourcesFault(), Refused),
        (vmodl.fault.ManagedObjectNotFound(obj=FOLDER), NotFound),
        (vim.fault.FileNotFound(file="[ds] a/a.vmdk"), NotFound),
        (vmodl.fault.HostNotConnected(), Unreachable),
        (vmodl.fault.NotSupported(), NotAble),
        (vmodl.fault.MethodNotFound(receiver=FOLDER, method="CloneVM_Task"), NotAble),
        (vmodl.fault.SystemError(reason="internal error"), EndpointError),
        (vmodl.fault.RequestCanceled(msg="The task was canceled by a user."), EndpointError),
        (vim.fault.GenericVmConfigFault(reason="x", faultCause=vim.fault.NoDiskSpace(file="[ds] a")), Refused),
        (vim.fault.VmConfigFault(faultCause=vmodl.fault.SystemError(faultCause=vim.fault.FileNotFound())), NotFound),
        (http.client.RemoteDisconnected("gone"), Unreachable),
        (httpx.ConnectError("refused"), Unreachable),
        (TimeoutError("timed out"), Unreachable),
        (ssl.SSLCertVerificationError("self-signed certificate"), Refused),
        (LostAnswer("gone"), Unreachable),
    ],
)
def test_it_becomes_an_error_of_goldens(fault: Exception, kind: type[GoldenError]) -> None:
    """One sentence that names what was wanted."""
    with pytest.raises(kind) as caught, translated("making x"):
        raise fault
    assert type(caught.value) is kind
    assert caught.value.brief.startswith("making x")
    assert "\n" not in caught.value.brief
    assert caught.value.details


def test_a_missing_privilege_is_named_with_its_object() -> None:
    """As vCenter tells them."""
    with pytest.raises(Refused) as caught, translated("making x"):
        raise vim.fault.NoPermission(object=FOLDER, privilegeId="VirtualMachine.Inventory.Delete")
    assert "lacks VirtualMachine.Inventory.Delete on Folder group-v3" in caught.value.brief


def test_what_a_fault_comes_of_is_told() -> None:
    """Its messages and those of its causes, each once: a general fault says nothing else."""
    said = [
        vmodl.LocalizableMessage(key="msg.hbacommon.outofspace", message=text) for text in ("No space left.", "No.")
    ]
    cause = vim.fault.NoDiskSpace(msg="No.", file="[ds] a/a.vmdk", datastore="ds", faultMessage=said)
    with pytest.raises(Refused, match="no room") as caught, translated("making x"):
        raise vim.fault.GenericVmConfigFault(msg="It failed.", reason="disk", faultCause=cause)
    assert caught.value.details == (
        "GenericVmConfigFault; msg: It failed.; reason: disk; caused by "
        "NoDiskSpace; msg: No.; file: [ds] a/a.vmdk; datastore: ds; No space left."
    )


def test_a_task_that_somebody_canceled_is_no_host_that_is_away() -> None:
    """It is told so, with what to do."""
    with pytest.raises(EndpointError, match="somebody canceled it in vSphere") as caught, translated("making x"):
        raise vmodl.fault.RequestCanceled()
    assert not isinstance(caught.value, Unreachable)
    assert caught.value.hint


def test_a_bug_of_ours_is_not_hidden() -> None:
    """What is no fault and no broken connection comes out as it is."""
    with pytest.raises(KeyError), translated("making x"):
        raise KeyError("x")
