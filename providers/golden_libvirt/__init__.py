"""libvirt as a provider of golden's: embedded QEMU, a local daemon, or one reached by SSH. Imports no libvirt."""

from __future__ import annotations

from golden_libvirt.opening import PROVIDER
from golden_libvirt.pool_library import POOL_LIBRARY

__all__ = ["POOL_LIBRARY", "PROVIDER"]
