"""libvirt's errors by number, as its own module has them."""

from __future__ import annotations

import pytest

from golden_libvirt import faults


def test_every_number_is_libvirts_own() -> None:
    """They are written down, so that nothing imports libvirt for them; what the installed one lacks is not compared."""
    libvirt = pytest.importorskip("libvirt")
    numbers = {name: value for name, value in vars(faults).items() if name[0].isupper() and isinstance(value, int)}
    known = {name: getattr(libvirt, f"VIR_ERR_{name}", None) for name in numbers}
    assert len(known) > 20
    assert {name: value for name, value in known.items() if value not in (None, numbers[name])} == {}
    assert len(set(numbers.values())) == len(numbers)
    assert libvirt.VIR_FROM_RPC == faults._FROM_RPC
