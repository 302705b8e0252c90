"""The provider object: opens an endpoint. Nothing here imports pyVmomi or httpx before they are needed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from golden.model import Finding
from golden.plugins import unusable
from golden.provider import Endpoint, Hypervisor, Scope
from golden_vsphere.address import parse


class VsphereProvider:
    """vCenter, and as far as its interface goes a single ESXi host."""

    name = "vsphere"
    schemes: tuple[str, ...] = ("vsphere",)

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        parse(endpoint)

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """BadConfig for a URL or an option that cannot be; Unreachable or Refused with vCenter's words."""
        address = parse(endpoint)
        try:
            from golden_vsphere.hypervisor import Vsphere
        except ImportError as error:
            raise unusable(error, "vsphere") from error
        return Vsphere.connect(address, scope)

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:
        """TLS, login, version, rights, datastore, networks, and the way to every host."""
        address = parse(endpoint)
        try:
            from golden_vsphere.diagnosis import diagnose
        except ImportError as error:
            raise unusable(error, "vsphere") from error
        return diagnose(address, scope)

    def scratch(self, endpoint: Endpoint, scope: Scope) -> AbstractContextManager[Endpoint]:
        """The endpoint with a folder of its own for a trial, which is taken away again."""
        try:
            from golden_vsphere.scratch import scratch
        except ImportError as error:
            raise unusable(error, "vsphere") from error
        return scratch(endpoint, scope)


PROVIDER = VsphereProvider()
