"""vCenter and ESXi as a provider of golden's. Imports no pyVmomi before an endpoint is opened."""

from __future__ import annotations

from golden_vsphere.opening import PROVIDER

__all__ = ["PROVIDER"]
