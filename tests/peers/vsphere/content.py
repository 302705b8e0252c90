"""The REST services that are ours: content libraries, OVF items, template items; and tags in the new form."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.peers.vsphere.capture import Captures
from tests.peers.vsphere.library import Libraries
from tests.peers.vsphere.rest import Problem, Wanted
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.upstream import Reply, Upstream, Vanished
from tests.peers.vsphere.upstream import value as value_of
from tests.peers.vsphere.vmtx import TemplateItems
from tests.peers.vsphere.wire import Call

TAGS = "/rest/com/vmware/cis/tagging"


class Content:
    """Finds who serves a REST request, and writes answer or error in the form it was asked in."""

    def __init__(
        self, upstream: Upstream, libraries: Libraries, captures: Captures, templates: TemplateItems, seconds: float
    ) -> None:
        self._up, self._libraries, self._captures, self._templates = upstream, libraries, captures, templates
        self._seconds = seconds

    def soap(self, asked: Asked, call: Call) -> None:
        """Nothing of this is SOAP."""

    def rest(self, asked: Asked) -> Reply | None:
        """One request; tags in the old form are the simulator's."""
        wanted = Wanted.read(asked)
        if wanted is None:
            return None
        if wanted.path[:2] == ("cis", "tagging"):
            return None if wanted.old else self._tagging(asked, wanted)
        try:
            reply = wanted.answer(self._served(asked, wanted))
        except Problem as problem:
            asked.entry.fault = problem.kind
            return wanted.refuse(problem)
        except NotImplementedError:
            asked.entry.fault = "operation_not_found"
            return Reply(404, [], b"")
        return reply

    def _served(self, asked: Asked, wanted: Wanted) -> Any:
        unlucky = next((rule.text or "injected" for rule in asked.rules if rule.do == "unsucceeded"), "")
        if wanted.path[0] == "content" and len(wanted.path) > 1:
            return self._libraries.serve(wanted)
        seconds = self._seconds + sum(rule.seconds for rule in asked.rules if rule.do == "gateway")
        if wanted.path[:3] == ("vcenter", "ovf", "library-item"):
            with self._task(str(wanted.given.get("source", {}).get("id", "")), seconds):
                value = self._captures.serve(wanted, unlucky)
            if value.get("succeeded") is False:
                asked.entry.fault = "succeeded: false"
            return value
        if wanted.path[:3] == ("vcenter", "vm-template", "library-items"):
            with self._task(str(wanted.spec().get("source_vm", "")), seconds if wanted.verb == "POST" else 0):
                return self._templates.serve(wanted)
        raise NotImplementedError

    @contextmanager
    def _task(self, source: str, seconds: float) -> Iterator[None]:
        """What copies a machine's disks is a task on it, for as long as it takes."""
        try:
            task = self._up.task(VM, source, "cloneVM") if source else ""
        except Vanished:
            task = ""
        if task:
            self._up.change("Task", task, {"info.state": value_of("running", "TaskInfoState")})
        try:
            time.sleep(seconds)
            yield
        finally:
            if task:
                self._up.change("Task", task, {"info.state": value_of("success", "TaskInfoState")})

    def _tagging(self, asked: Asked, wanted: Wanted) -> Reply:
        """The new form by way of the old one, which the simulator has."""
        path = "/".join([TAGS, *wanted.path[2:3], *(f"id:{each}" for each in wanted.path[3:])])
        given: dict[str, Any] = wanted.given
        if not wanted.action and wanted.verb in ("POST", "PATCH"):
            given = {"create_spec" if wanted.verb == "POST" else "update_spec": given}
        query = f"?~action={wanted.action}" if wanted.action else ""
        body = json.dumps(given).encode() if given or wanted.verb == "POST" else b""
        reply = self._up.request(asked.verb, path + query, body, asked.headers)
        told = json.loads(reply.body) if reply.body.strip() else {}
        if reply.status < 300:
            return wanted.answer(told.get("value"))
        kind = str(told.get("type", "")).rpartition(".")[2] or ("not_found" if reply.status == 404 else "error")
        asked.entry.fault = kind
        return wanted.refuse(Problem(kind, f"The simulator says {reply.status}."))
