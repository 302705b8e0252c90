"""A folder of vCenter's for a trial: beside golden's own, of a name nobody has, taken away again when it is empty."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import quote

from pyVmomi import vim

from golden.errors import Conflict
from golden.provider import Endpoint, Scope
from golden.waiting import Deadline
from golden_vsphere.address import Address, parse
from golden_vsphere.faults import Gone, translated
from golden_vsphere.inventory import Places
from golden_vsphere.line import open_line
from golden_vsphere.making import CHANGING
from golden_vsphere.observing import result_of
from golden_vsphere.reading import below


@contextmanager
def scratch(endpoint: Endpoint, scope: Scope) -> Iterator[Endpoint]:
    """
    The same endpoint with a folder of its own. It goes with the block's end; Conflict where something lies in it still.

    On a single ESXi host, which has no folders, the endpoint itself.
    """
    address = parse(endpoint)
    line = open_line(address)
    try:
        with translated(f"looking at {address.shown}"):
            places = Places(line, address)
        if not line.is_vcenter:
            yield endpoint
            return
        # Beside golden's folder rather than in it, so that nothing that lies there takes part in the trial.
        name = f"{address.folder[-1]}-selftest-{secrets.token_hex(4)}"
        own = replace(address, folder=(*address.folder[:-1], name), datacenter="/".join(places.path))
        try:
            yield replace(endpoint, url=_url(own), options=address.options)
        except BaseException:
            with suppress(Exception):  # What ended the trial is what has to be told.
                _take_away(Places(line, own), scope)
            raise
        _take_away(Places(line, own), scope)
    finally:
        line.close()


def _url(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    path = "/".join(quote(part, safe="") for part in (address.datacenter, *address.folder))
    return f"vsphere://{host}:{address.port}/{path}"


def _take_away(places: Places, scope: Scope) -> None:
    """Of folders without machines only: Destroy_Task of a folder takes all machines in it."""
    with translated(f"taking the folder {places.golden_path} away"):
        folder = places.folder()
        if folder is None:
            return
        try:
            left = below(places.line, folder, vim.VirtualMachine, ("name",))
        except Gone:
            return
        if left:
            names = "\n".join(str(one.props.get("name", one.moid)) for one in left)
            raise Conflict(f"{places.golden_path} stays: machines lie in it", details=names)
        task = places.line.tell(folder.Destroy_Task)
        result_of(places.line, task, f"the folder {places.golden_path} to go", Deadline(CHANGING), scope.watcher)
