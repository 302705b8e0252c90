"""What is wrong or slow at an endpoint, for people who ask before it matters."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from golden.errors import GoldenError
from golden.model import Finding, Severity
from golden.provider import Endpoint, Scope
from golden_libvirt import connection, embedded, firmware, kvm, processes
from golden_libvirt.address import Address, understand
from golden_libvirt.reading import choose
from golden_libvirt.store import Store

_VIRTUALIZATION = "switch on virtualization, also nested in a virtual host"


def diagnose(endpoint: Endpoint, scope: Scope) -> tuple[Finding, ...]:
    """Findings for one endpoint; BadConfig for a URL or an option that cannot be."""
    address = understand(endpoint)
    found = list(_programs(address))
    if not address.remote:
        found.extend(_processor(endpoint, scope))
    if address.embedded:
        found.extend(_folders(address, scope))
    elif not any(finding.id == "libvirt-python" for finding in found):
        found.extend(_daemon(address, endpoint))
    return tuple(found)


def _daemon(address: Address, endpoint: Endpoint) -> Iterator[Finding]:
    try:
        line = connection.open_first(address.uri)
    except GoldenError as error:
        fix = "systemctl start libvirtd (without systemd: virtlogd -d; libvirtd -d)"
        yield Finding("libvirt-daemon", Severity.ERROR, error.brief, error.details or "", error.hint or fix)
        return
    try:
        if address.remote and not endpoint.options.get("virt_type") and not kvm.is_offered(line):
            sentence = "libvirt's host offers no KVM, so guests run there in software, many times slower"
            yield Finding("kvm-missing", Severity.WARNING, sentence, fix=_VIRTUALIZATION)
        choose(line, endpoint.options.get("pool"))
    except GoldenError as error:
        yield Finding("storage-pool", Severity.ERROR, error.brief, error.details or "", error.hint or "")
    finally:
        line.close()


def _programs(address: Address) -> Iterator[Finding]:
    if importlib.util.find_spec("libvirt") is None:
        fix = "apt install libvirt-dev pkg-config gcc; pip install 'golden-reference[libvirt]'"
        yield Finding("libvirt-python", Severity.ERROR, "the Python package libvirt-python is not installed", fix=fix)
    if address.remote:
        return
    for program in ("qemu-img", "qemu-nbd", "qemu-system-x86_64"):
        if shutil.which(program) is None:
            fix = "apt install qemu-system-x86 qemu-utils"
            yield Finding("qemu-missing", Severity.ERROR, f"the program {program} is not installed", fix=fix)
    if shutil.which("swtpm") is None:
        fix = "apt install swtpm swtpm-tools"
        yield Finding("swtpm-missing", Severity.INFO, "machines with a TPM cannot be started: no swtpm", fix=fix)
    try:
        firmware.plain()
    except GoldenError as error:
        yield Finding(
            "ovmf-missing", Severity.INFO, "machines with UEFI cannot be started: no firmware", fix=error.hint or ""
        )


def _processor(endpoint: Endpoint, scope: Scope) -> Iterator[Finding]:
    if endpoint.options.get("virt_type"):
        yield Finding("virt-type", Severity.INFO, f"the domain type is set to {endpoint.options['virt_type']}")
        return
    why = kvm.verdict(scope.state / "libvirt")
    if why:
        sentence = "KVM does not work here, so guests run in software, many times slower"
        yield Finding("kvm-broken", Severity.WARNING, sentence, why, _VIRTUALIZATION)


def _folders(address: Address, scope: Scope) -> Iterator[Finding]:
    state = scope.state / "libvirt"
    embedded.sweep()
    try:
        base = embedded.Base.recorded(state, address.base)
    except GoldenError as error:
        yield Finding("libvirt-base", Severity.ERROR, error.brief, error.details or "", error.hint or "")
        return
    if base is None:
        return
    known = Store(state / "store")
    for root in base.roots():
        for name in processes.machines_in(root):
            if name not in known.names():
                sentence = f"the machine {name} runs and golden's store does not know it"
                pid = processes.running(root, name)
                yield Finding("stray-machine", Severity.ERROR, sentence, str(root), f"kill {pid}")
