"""The provider object: opens an endpoint. Nothing here imports pypsrp, psrpcore or paramiko before they are needed."""

from __future__ import annotations

from contextlib import AbstractContextManager

from golden.model import Finding
from golden.plugins import unusable
from golden.provider import Endpoint, Hypervisor, Scope
from golden_hyperv.address import parse


class HyperVProvider:
    """Hyper-V hosts, by WSMan or by SSH."""

    name = "hyperv"
    schemes: tuple[str, ...] = ("hyperv", "hyperv+ssh")

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        parse(endpoint)

    def open(self, endpoint: Endpoint, scope: Scope) -> Hypervisor:
        """BadConfig for a URL or an option that cannot be; Unreachable or Refused with the host's words."""
        address = parse(endpoint)
        try:
            from golden_hyperv.hypervisor import HyperV
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return HyperV.connect(address, scope)

    def scratch(self, endpoint: Endpoint, scope: Scope) -> AbstractContextManager[Endpoint]:
        """The endpoint with a folder of its own for a trial, which is taken away again."""
        try:
            from golden_hyperv.scratch import scratch
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return scratch(endpoint, scope)

    def diagnose(self, endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:
        """Transport, login, versions, module, rights, quotas, OpenSSH, PowerShell Direct and the second hop."""
        address = parse(endpoint)
        try:
            from golden_hyperv.diagnosis import diagnose
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return diagnose(address, scope)


PROVIDER = HyperVProvider()
