"""The provider object: opens an endpoint. Nothing here imports libvirt before it is needed."""

from __future__ import annotations

from golden.model import Finding
from golden.provider import Endpoint, Hypervisor, Scope
from golden_libvirt.address import parse, understand


class LibvirtProvider:
    """QEMU through libvirt: embedded in this process, by the local daemon, or by one reached over SSH."""

    name = "libvirt"
    schemes: tuple[str, ...] = ("qemu", "qemu+ssh")

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        parse(endpoint.url)

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """BadConfig for a URL that cannot be; the embedded driver itself is opened when a machine must run."""
        address = understand(endpoint)
        if address.embedded:
            from golden_libvirt.hypervisor import Embedded

            return Embedded(address, endpoint, scope)
        from golden_libvirt.daemon import Daemon

        return Daemon(address, endpoint, scope)

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:
        """What is wrong or slow there."""
        from golden_libvirt.diagnosis import diagnose

        return diagnose(endpoint, scope)


PROVIDER = LibvirtProvider()
