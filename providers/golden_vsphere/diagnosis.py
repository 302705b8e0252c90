"""What is wrong or slow at a vCenter, for people who ask before it matters."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyVmomi import vim

from golden.errors import GoldenError
from golden.model import Finding, Severity
from golden.provider import Scope
from golden_vsphere import rights, room, trust
from golden_vsphere.address import Address
from golden_vsphere.content_items import followers
from golden_vsphere.faults import translated
from golden_vsphere.inventory import Places
from golden_vsphere.line import Line, open_line
from golden_vsphere.placement import best_store
from golden_vsphere.reading import Seen, everywhere
from golden_vsphere.rest import Rest, understood

HOST = ("name", "runtime.connectionState", "summary.config.sslThumbprint")
HOSTS_PORT = 443
KNOCK = 5
"""Seconds a host may take to answer."""
AT_ONCE = 16
OLDEST = (6, 7)
"""The oldest version whose interface golden's calls belong to; vendors' support for it has ended."""


def diagnose(address: Address, scope: Scope) -> tuple[Finding, ...]:
    """Findings for one endpoint; BadConfig for options that cannot be."""
    scope.watcher.doing(f"connecting to {address.shown}")
    try:
        line = open_line(address)
    except GoldenError as error:
        return (_of("vsphere-login", error),)
    try:
        return tuple(_connected(line, address, scope))
    finally:
        line.close()


def _connected(line: Line, address: Address, scope: Scope) -> Iterator[Finding]:
    yield from _product(line)
    try:
        places = Places(line, address)
    except GoldenError as error:
        yield _of("vsphere-place", error)
        return
    yield from _space(places)
    yield from _networks(places)
    scope.watcher.doing("asking for golden's rights")
    yield from _rights(places)
    yield from _followers(line)
    scope.watcher.doing("trying the way to every host")
    yield from _hosts(places)


def _product(line: Line) -> Iterator[Finding]:
    about = line.content.about
    yield Finding("vsphere-version", Severity.INFO, f"{line.product}, interface {about.apiVersion}")
    version = tuple(int(part) for part in str(about.apiVersion).split(".")[:2] if part.isdigit())
    if version < OLDEST:
        sentence = f"interface {about.apiVersion} is older than golden's calls were written for"
        yield Finding("vsphere-old", Severity.WARNING, sentence, fix="vCenter 7.0 or later")
    if not line.is_vcenter:
        sentence = (
            "this is a single ESXi host: every copy is a full one, images stay machines, and there are no templates, "
            "folders and content libraries to publish to"
        )
        yield Finding("esxi", Severity.WARNING, sentence, fix="the URL of the vCenter that manages it")


def _space(places: Places) -> Iterator[Finding]:
    try:
        store = best_store(places)
        store.must_hold(room.LINKED_ROOM, "golden's machines")
    except GoldenError as error:
        yield _of("vsphere-datastore", error)
    else:
        yield Finding("vsphere-datastore", Severity.INFO, f"datastore {store.name}, {store.free >> 30} GiB free")
    wanted = places.address.options.get("resource_pool")
    if wanted is not None:
        try:
            room.pool(places, None)
        except GoldenError as error:
            yield _of("vsphere-pool", error)


def _networks(places: Places) -> Iterator[Finding]:
    wanted = places.address.options.get("isolated_network")
    if wanted is None:
        sentence = "no isolated_network is named, so a clone may be put on any network that an order names"
        yield Finding("vsphere-network", Severity.INFO, sentence)
        return
    try:
        room.network(places, wanted)
    except GoldenError as error:
        yield _of("vsphere-network", error)


def _rights(places: Places) -> Iterator[Finding]:
    try:
        store = best_store(places)
        pool = room.pool(places, None) if "resource_pool" in places.address.options else None
        wanted = rights.to_make(places, store, pool)
        isolated = places.address.options.get("isolated_network")
        if isolated is not None:
            wanted[f"network {isolated}"] = (room.network(places, isolated).native, rights.NETWORK)
        lacking = rights.missing(places, wanted)
    except GoldenError as error:
        yield _of("vsphere-rights", error)
        return
    for one in lacking:
        sentence = f"golden's account {places.line.user()} lacks a privilege on {one.where}"
        yield Finding("vsphere-rights", Severity.ERROR, sentence, one.right, "give its role this privilege there")
    yield from _more(places)


def _more(places: Places) -> Iterator[Finding]:
    """What golden's account cannot do that not everybody wants, as information."""
    for able in rights.more(places) if places.line.is_vcenter else ():
        try:
            lacking = rights.missing(places, {able.where: (able.native, able.rights)})
        except GoldenError:
            continue  # An older vCenter does not know such a privilege; what is done with it says so itself.
        if lacking:
            evidence = ", ".join(map(str, lacking))
            sentence = f"golden's account {places.line.user()} cannot {able.what}"
            yield Finding(
                "vsphere-more-rights", Severity.INFO, sentence, evidence, "give its role these, if you want it"
            )


def _followers(line: Line) -> Iterator[Finding]:
    """Who else has what golden publishes into content libraries, and when it last asked for it."""
    if not line.is_vcenter:
        return
    rest = Rest(line)
    try:
        with understood("looking at the content libraries"):
            found = followers(rest)
    except GoldenError as error:
        yield Finding("vsphere-libraries", Severity.INFO, error.brief, error.details or "", error.hint or "")
        return
    finally:
        rest.close()
    for one in found:
        asked = f"asked last at {one.synced}" if one.synced else "never asked yet"
        how = "files on demand" if one.on_demand else "all files"
        sentence = f"the subscribed library {one.name} follows {one.source} ({how}), {asked}"
        yield Finding("vsphere-subscribed", Severity.INFO, sentence)


def _hosts(places: Places) -> Iterator[Finding]:
    with translated("looking at the hosts"):
        hosts = everywhere(places.line, places.datacenter, vim.HostSystem, HOST)
    context = trust.of_hosts(places.address)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for seen, why in zip(hosts, pool.map(lambda seen: _knock(places, seen, context), hosts), strict=True):
            if why:
                sentence = (
                    f"golden cannot speak to the host {seen.props.get('name')}, and files go to guests through it"
                )
                fix = "a route, DNS and trust for every host (port 443): host_ca_file = in golden.toml"
                yield Finding("vsphere-host", Severity.WARNING, sentence, why, fix)


def _knock(places: Places, seen: Seen, context: ssl.SSLContext) -> str:
    """Why a host cannot be spoken to, or nothing. By its CA, or by the thumbprint that vCenter tells."""
    if str(seen.props.get("runtime.connectionState")) != "connected":
        return f"vCenter says it is {seen.props.get('runtime.connectionState')}"
    name = str(seen.props.get("name"))
    contexts: list[Any] = [context]
    told = seen.props.get("summary.config.sslThumbprint")
    if told and "host_ca_file" not in places.address.options:
        contexts.append(trust.pinned(str(told)))
    why = ""
    for one in contexts:
        try:
            with (
                socket.create_connection((name, HOSTS_PORT), KNOCK) as plain,
                one.wrap_socket(plain, server_hostname=name),
            ):
                return ""
        except (OSError, UnicodeError, KeyError) as error:
            why = f"{type(error).__name__}: {error}"
    return why


def _of(name: str, error: GoldenError) -> Finding:
    return Finding(name, Severity.ERROR, error.brief, error.details or "", error.hint or "")
