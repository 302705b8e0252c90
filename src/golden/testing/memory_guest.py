"""
The guest inside an in-memory machine: a disk, a log, and a few instructions that leave traces.

An instruction is an argument list; a script is a file with one instruction on each line.

    mkdir PATH                        make a folder and its parents
    rmdir PATH                        take a folder away with all in it
    launch LAUNCHER ORDER             run the order's argv; output and exit code go to its files
    shipped SCRIPT PARAMETERS RESULT  ``probe`` (boot mark), ``hash`` (size and SHA-256), ``check``, ``fix``
    run SCRIPT                        run a script
    install NAME FILE                 log "NAME begun", run FILE if it begins with #!memory, log "NAME done"
    exit CODE                         end the script; 0 and 3010 are success
    seal                              generalize; refused unless VIRGIN; a file "/seal-fails" makes it fail
    state STATE                       write /state
    spam BYTES                        print as many bytes
    say TEXT                          print one line
    hang                              never end
    reboot, poweroff

Whatever is done twice or half shows: install and seal write two lines to /log with a crash point between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from golden.errors import GuestError, GuestSilent
from golden.guest.communicator import Communicator, Exit, LineLost, Traits
from golden.testing.world import Raw, World
from golden.waiting import Deadline

TRAITS = Traits(
    needs_network=False,
    needs_credential=False,
    runs_as_system=True,
    survives_disconnect=True,
    chunk=64 * 1024,
)

SUCCESS = (0, 3010)
ORDER_TAKEN = 17
"""The launcher's code for an order that was taken before, as every launcher ends."""


class _Gone(Exception):
    """The guest went off or restarted under the running program."""


class _Hung(Exception):
    """The program never ends."""


@dataclass(slots=True)
class _Output:
    pid: int
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)


class MemoryCommunicator:
    """The hypervisor's own way into a guest that is on; LineLost while it is off."""

    def __init__(self, world: World, name: str, id: str) -> None:
        self._world = world
        self._name = name
        self._id = id
        self._instructions: Mapping[str, Callable[..., int]] = {
            "mkdir": self._mkdir,
            "rmdir": self._rmdir,
            "launch": self._launch,
            "shipped": self._shipped,
            "run": self._run,
            "install": self._install,
            "exit": lambda _output, code: int(code),
            "fail": lambda _output, code="1": int(code),
            "seal": self._seal,
            "state": self._state,
            "spam": self._spam,
            "say": self._say,
            "hang": self._hang,
            "reboot": self._reboot,
            "poweroff": self._poweroff,
        }

    @property
    def traits(self) -> Traits:
        """Like an agent that belongs to the system."""
        return TRAITS

    def ready(self, deadline: Deadline) -> None:  # noqa: ARG002
        """At once, or GuestSilent: a machine that is off will not come on by itself."""
        with self._world.faulty("guest.ready", self._name):
            if self._machine(self._world.read()) is None:
                raise GuestSilent(f"the guest of {self._name} does not answer: the machine is off or gone")

    def start(
        self,
        argv: tuple[str, ...],
        env: Mapping[str, str] | None = None,  # noqa: ARG002
        cwd: str | None = None,  # noqa: ARG002
    ) -> int:
        """Run one instruction at once; its outcome is there for ``poll``. GuestError for an unknown one."""
        with self._world.faulty("guest.start", self._name):
            if argv[0] not in self._instructions:
                raise GuestError(f"the guest of {self._name} has no program {argv[0]!r}")
            with self._change(f"guest of {self._name} starts {argv[0]}") as raw:
                raw["serial"] += 1
                pid: int = raw["serial"]
                self._on(raw)["programs"][str(pid)] = None
            try:
                code = self._do(_Output(pid=pid), *argv)
            except (_Gone, _Hung):
                return pid
            with self._change(f"guest of {self._name} ends {argv[0]}") as raw:
                self._on(raw)["programs"][str(pid)] = code
            return pid

    def poll(self, pid: int) -> Exit | None:
        """None for a program that hangs; Exit(None) for one that the guest has forgotten."""
        with self._world.faulty("guest.poll", self._name):
            programs = self._on(self._world.read())["programs"]
            if str(pid) not in programs:
                return Exit(None)
            code = programs[str(pid)]
            return None if code is None else Exit(code)

    def read(self, path: str, offset: int, size: int) -> bytes | None:
        """From the disk of the machine, which must be on."""
        with self._world.faulty("guest.read", self._name):
            text = self._on(self._world.read())["disk"].get(path)
            return None if text is None else text[offset : offset + size].encode("latin-1")

    def write(self, path: str, offset: int, data: bytes) -> None:
        """To the disk of the machine, which must be on; GuestError where the folder is missing."""
        if len(data) > TRAITS.chunk:
            raise GuestError(f"{len(data)} bytes in one write; this way in takes {TRAITS.chunk}")
        with self._world.faulty("guest.write", self._name):
            self._put(path, data.decode("latin-1"), offset)

    def close(self) -> None:
        """Nothing is held."""

    def _machine(self, raw: Raw) -> Raw | None:
        machine: Raw | None = raw["machines"].get(self._name)
        if machine is None or machine["id"] != self._id or machine["power"] != "on":
            return None
        return machine

    def _on(self, raw: Raw) -> Raw:
        machine = self._machine(raw)
        if machine is None:
            raise LineLost(f"{self._name} is off or gone")
        return machine

    def _put(self, path: str, text: str, offset: int = 0) -> None:
        with self._change(f"guest of {self._name} writes {path}") as raw:
            disk = self._on(raw)["disk"]
            folder = path.rpartition("/")[0] + "/"
            if folder != "/" and folder not in disk:
                raise GuestError(f"{self._name}: no folder {folder} in the guest")
            old = disk.get(path, "") if offset else ""
            if offset > len(old):
                raise GuestError(f"{self._name}: a write at {offset} of {path}, which has {len(old)} bytes")
            disk[path] = old[:offset] + text + old[offset + len(text) :]

    def _log(self, line: str, state: str | None = None) -> None:
        with self._change(f"guest of {self._name} logs {line}") as raw:
            disk = self._on(raw)["disk"]
            disk["/log"] = disk.get("/log", "") + line + "\n"
            if state is not None:
                disk["/state"] = state

    def _text(self, path: str) -> str | None:
        text: str | None = self._on(self._world.read())["disk"].get(path)
        return text

    def _do(self, output: _Output, name: str, *arguments: str) -> int:
        instruction = self._instructions.get(name)
        if instruction is None:
            output.err.append(f"no program {name!r}\n")
            return 127
        with self._world.faulty(f"guest.do.{name}", self._name):
            try:
                return instruction(output, *arguments)
            except TypeError as error:
                output.err.append(f"{name}: {error}\n")
                return 2

    def _mkdir(self, _output: _Output, path: str) -> int:
        with self._change(f"guest of {self._name} makes {path}") as raw:
            disk, parts = self._on(raw)["disk"], path.strip("/").split("/")
            for depth in range(len(parts)):
                disk["/" + "/".join(parts[: depth + 1]) + "/"] = ""
        return 0

    def _rmdir(self, _output: _Output, path: str) -> int:
        with self._change(f"guest of {self._name} removes {path}") as raw:
            disk = self._on(raw)["disk"]
            for entry in [entry for entry in disk if entry.startswith(path.rstrip("/") + "/")]:
                del disk[entry]
        return 0

    def _launch(self, output: _Output, launcher: str, order_path: str) -> int:
        text = self._text(order_path)
        if self._text(launcher) is None or text is None:
            output.err.append("no launcher or no order\n")
            return 127
        order, inner = json.loads(text), _Output(pid=output.pid)
        pid_file = f"{order['code']}.pid"
        if self._text(pid_file) is not None:
            return ORDER_TAKEN
        self._put(pid_file, str(output.pid))
        code = self._do(inner, *order["argv"])
        out, err = "".join(inner.out), "".join(inner.err)
        self._put(order["out"], out)
        self._put(order["err"], err)
        self._put(order["code"], json.dumps({"code": code, "out": len(out), "err": len(err)}))
        return 0

    def _shipped(self, output: _Output, script: str, parameters: str, result: str) -> int:
        asked = self._text(parameters)
        if self._text(script) is None or asked is None:
            output.err.append("no script or no parameters\n")
            return 127
        answers = {"probe": self._probe, "hash": self._hash, "check": self._check, "fix": self._fix}
        answer = answers[script.rpartition("/")[2]](json.loads(asked))
        self._put(result, json.dumps(answer))
        return 0

    def _probe(self, parameters: Raw) -> Raw:
        machine = self._on(self._world.read())
        answer: Raw = {"boot_mark": f"boot-{machine['boot']}"}
        if "process" in parameters:
            pid = str(parameters["process"])
            answer["running"] = pid in machine["programs"] and machine["programs"][pid] is None
        return answer

    def _check(self, _parameters: Raw) -> Raw:
        return {"findings": self._text("/findings") or "[]"}

    def _fix(self, parameters: Raw) -> Raw:
        found = json.loads(self._text("/findings") or "[]")
        for one in found:
            if one["id"] in parameters["ids"]:
                one["tries"] = one.get("tries", 0) + 1
                one["fixed"] = one.get("fix") == "safe"
        self._put("/findings", json.dumps(found))
        return {}

    def _hash(self, parameters: Raw) -> Raw:
        text = self._text(parameters["path"])
        if text is None:
            return {"sha256": "", "size": -1}
        digest = "" if parameters.get("size_only") else hashlib.sha256(text.encode("latin-1")).hexdigest()
        return {"sha256": digest, "size": len(text)}

    def _run(self, output: _Output, script: str) -> int:
        text = self._text(script)
        if text is None:
            output.err.append(f"no script {script}\n")
            return 127
        for line in text.splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            code = self._do(output, *words)
            if code or words[0] == "exit":
                return code
        return 0

    def _install(self, output: _Output, name: str, file: str) -> int:
        text = self._text(file)
        if text is None:
            output.err.append(f"no file {file}\n")
            return 2
        self._log(f"{name} begun")
        code = self._run(output, file) if text.startswith("#!memory") else 0
        self._log(f"{name} {'done' if code in SUCCESS else f'failed {code}'}")
        return code

    def _seal(self, output: _Output) -> int:
        state = self._text("/state")
        if state != "VIRGIN":
            output.err.append(f"a guest in the state {state} is not sealed\n")
            return 1
        self._log("seal begun", "BROKEN")
        if self._text("/seal-fails") is not None:
            output.err.append("this guest cannot be sealed: /seal-fails\n")
            return 1
        self._log("seal done", "SEALED")
        return 0

    def _state(self, _output: _Output, state: str) -> int:
        self._put("/state", state)
        return 0

    def _spam(self, output: _Output, size: str) -> int:
        line = "spam and eggs\n"
        output.out.append((line * (int(size) // len(line) + 1))[: int(size)])
        return 0

    def _say(self, output: _Output, *words: str) -> int:
        output.out.append(" ".join(words) + "\n")
        return 0

    def _hang(self, _output: _Output) -> int:
        raise _Hung

    def _reboot(self, _output: _Output) -> int:
        with self._change(f"guest of {self._name} restarts") as raw:
            machine = self._on(raw)
            raw["serial"] += 1
            machine["boot"], machine["programs"] = raw["serial"], {}
        raise _Gone

    def _poweroff(self, _output: _Output) -> int:
        with self._change(f"guest of {self._name} switches off") as raw:
            machine = self._on(raw)
            machine["power"], machine["programs"] = "off", {}
        raise _Gone

    @property
    def _change(self) -> Callable[[str], AbstractContextManager[Raw]]:
        return self._world.change


if TYPE_CHECKING:
    _fulfils: type[Communicator] = MemoryCommunicator
