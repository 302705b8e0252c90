"""Tasks that take time: the client has one at once, the simulator is asked when its time has come."""

from __future__ import annotations

import threading
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from http.client import HTTPException
from xml.sax.saxutils import escape

from tests.peers.vsphere.effects import Doing, Effects
from tests.peers.vsphere.rules import Rule
from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.server import Asked
from tests.peers.vsphere.strict import Strict
from tests.peers.vsphere.upstream import Upset, Upstream, value
from tests.peers.vsphere.wire import TYPE, VIM, XSI, Call, Fault, tag

OURS = {"PromoteDisks_Task", "ConsolidateVMDisks_Task"}
PROBE = {VM: "name", "VirtualMachineSnapshot": "vm"}
END = {"success", "error"}


class Tasks:
    """Serves every method that gives a task. ``seconds`` is how long each takes, at the least."""

    def __init__(self, upstream: Upstream, effects: Effects, strict: Strict, seconds: float) -> None:
        self._up, self._effects, self._strict, self.seconds = upstream, effects, strict, seconds
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._guard = threading.Lock()
        self._canceled: set[str] = set()
        self._answered: dict[str, threading.Event] = {}
        self._running: dict[str, threading.Thread] = {}
        self._making: dict[str, str] = {}
        """Machines that are being made, with the task that makes them: nothing else is done with one meanwhile."""
        self._over = threading.Event()
        self.broken: list[str] = []
        """What went wrong in the peer itself; the client sees SystemError."""

    def end(self) -> None:
        """Wait for what is at work; nothing new is begun."""
        self._over.set()
        with self._guard:
            left = list(self._running.values())
        for thread in left:
            thread.join(10)

    def rest(self, asked: Asked) -> None:
        """Nothing of this is REST."""

    def soap(self, asked: Asked, call: Call) -> str | None:
        """A new task; or a running one is canceled, or a machine's question answered."""
        if call.method == "CancelTask":
            return self._cancel(call)
        if call.method == "AnswerVM":
            return self._answer(call)
        if not call.method.endswith("_Task"):
            return None
        # A session that is over and an object that is gone are the simulator's to name.
        self._up.texts(
            call.kind, call.this, PROBE.get(call.kind, "name"), cookie=f"vmware_soap_session={asked.session}"
        )
        doing = Doing(self._strict.rewritten(call), self._effects.machine(call))
        kind, moid = (VM, doing.machine) if doing.machine else (call.kind, call.this)
        name = call.method[0].lower() + call.method.removesuffix("_Task")[1:] + "Task"
        task = self._up.task(kind, moid, name)
        thread = threading.Thread(target=self._run, args=(task, doing, asked.rules), daemon=True)
        with self._guard:
            self._running[task] = thread
        thread.start()
        return f'<returnval type="Task">{task}</returnval>'

    def carry(self, call: Call) -> str:
        """Carry out a call at once, with all that follows; its result's moid. Fault or Upset where it is refused."""
        doing = Doing(self._strict.rewritten(call), self._effects.machine(call))
        with self._lock(doing.machine or call.this):
            self._strict.check(doing.call, doing.machine)
            _, error = self._carried(doing)
        if error is not None:
            found = ET.fromstring(f'<e xmlns:xsi="{XSI}">{error}</e>')[0].find(tag("fault"))
            raise Fault("SystemError" if found is None else found.get(TYPE, "").split(":")[-1])
        return doing.result

    def _run(self, task: str, doing: Doing, rules: list[Rule]) -> None:
        try:
            with self._lock(doing.machine or task):
                result, error = self._worked(task, doing, rules)
                values: dict[str, str | None] = {"info.completeTime": value(_now(), "xsd:dateTime")}
                if result is not None:
                    values["info.result"] = result
                if error is not None:
                    values["info.error"] = error
                else:
                    values["info.progress"] = value("100", "xsd:int")
                self._up.change("Task", task, values)
                self._up.change("Task", task, {"info.state": value("error" if error else "success", "TaskInfoState")})
        except (OSError, HTTPException):
            if not self._over.is_set():
                self.broken.append(f"{doing.call.method}: the simulator is gone")
        finally:
            with self._guard:
                self._running.pop(task, None)

    def _lock(self, key: str) -> threading.RLock:
        with self._guard:
            return self._locks[key]

    def _worked(self, task: str, doing: Doing, rules: list[Rule]) -> tuple[str | None, str | None]:
        """Result and error of a task, as properties."""
        try:
            self._up.change("Task", task, {
                "info.startTime": value(_now(), "xsd:dateTime"), "info.cancelable": value("true", "xsd:boolean"),
                "info.state": value("running", "TaskInfoState"),
            })  # fmt: skip
            self._pass_time(task)
            for rule in rules:
                if rule.do == "question":
                    self._ask(doing.machine, rule.text, task)
                elif rule.do == "task":
                    raise Fault(rule.kind, rule.detail)
            self._strict.check(doing.call, doing.machine)
            if doing.call.method == "Destroy_Task" and doing.machine in self._making:
                raise Fault("TaskInProgress", {"task": ("Task", self._making[doing.machine])})
            return self._carried(doing, task)
        except Fault as fault:
            return None, _error(f'<fault xsi:type="{fault.kind}">{fault.leaves()}</fault>', fault.message)
        except Upset as upset:
            return None, _error(_fault(upset.met.detail), upset.met.message)
        except Exception as error:
            self.broken.append(f"{doing.call.method}: {error!r}")
            return None, _error(_fault(None), f"the peer broke: {error!r}")

    def _carried(self, doing: Doing, task: str = "") -> tuple[str | None, str | None]:
        self._effects.begin(doing)
        result = None
        if doing.call.method not in OURS:
            with self._effects.hosted(doing):
                given = self._up.soap(ET.tostring(_known(doing.call), encoding="unicode")).body
            inner = ET.fromstring(given)[0][0].findtext(tag("returnval"), "")
            found = self._up.wait(inner)
            if found["info.state"].text == "error":
                return None, ET.tostring(found["info.error"], encoding="unicode")
            if "info.result" in found:
                doing.result = found["info.result"].text or ""
                result = ET.tostring(found["info.result"], encoding="unicode")
        made = doing.result if doing.call.method == "CloneVM_Task" and task else ""
        if made:
            self._making[made] = task
        try:
            self._effects.end(doing)
        finally:
            self._making.pop(made, None)
        return result, None

    def _pass_time(self, task: str) -> None:
        for part in range(4):
            if self._over.wait(self.seconds / 4):
                raise Fault("RequestCanceled")
            with self._guard:
                canceled = task in self._canceled
            if canceled:
                raise Fault("RequestCanceled", message="The task was canceled by a user.")
            if self.seconds >= 0.4 and part < 3:
                self._up.change("Task", task, {"info.progress": value(str(25 * (part + 1)), "xsd:int")})

    def _cancel(self, call: Call) -> str:
        with self._guard:
            known = call.this in self._running
            self._canceled.add(call.this)
        state = self._up.texts("Task", call.this, "info.state").get("info.state")
        if not known or state in END:
            raise Fault("InvalidState")
        return ""

    def _ask(self, machine: str, text: str, task: str) -> None:
        """Let the machine wait for somebody's answer."""
        key = f"_vmx{len(self._answered) + 1}"
        waiting = self._answered[f"{machine}/{key}"] = threading.Event()
        choices = "".join(
            f'<choiceInfo xsi:type="ElementDescription"><label>{w}</label><summary>{w}</summary>'
            f"<key>{k}</key></choiceInfo>"
            for k, w in enumerate(("Retry", "Cancel"))
        )
        self._up.change(VM, machine, {
            "runtime.question": f'<val xsi:type="VirtualMachineQuestionInfo"><id>{key}</id><text>{escape(text)}</text>'
            f"<choice>{choices}<defaultIndex>0</defaultIndex></choice></val>"
        })  # fmt: skip
        while not waiting.wait(0.05):
            with self._guard:
                if self._over.is_set() or task in self._canceled:
                    break
        self._up.change(VM, machine, {"runtime.question": None})
        if not waiting.is_set():
            raise Fault("RequestCanceled")

    def _answer(self, call: Call) -> str:
        waiting = self._answered.get(f"{call.this}/{call.text('questionId')}")
        if waiting is None or waiting.is_set():
            raise Fault("InvalidArgument", {"invalidProperty": "questionId"})
        if call.text("answerChoice") not in ("0", "1"):
            raise Fault("InvalidArgument", {"invalidProperty": "answerChoice"})
        waiting.set()
        return ""


def _known(call: Call) -> ET.Element:
    """The call by a method that the simulator has."""
    if call.method != "CreateSnapshotEx_Task":
        return call.body
    made = ET.Element(tag("CreateSnapshot_Task"))
    made.extend(each for each in call.body if each.tag not in (tag("quiesceSpec"),))
    ET.SubElement(made, tag("quiesce")).text = "false"
    return made


def _fault(detail: ET.Element | None) -> str:
    if detail is None:
        return '<fault xsi:type="SystemError"><reason/></fault>'
    inner = "".join(ET.tostring(each, encoding="unicode") for each in detail)
    return f'<fault xsi:type="{detail.get(TYPE)}">{inner}</fault>'


def _error(fault: str, message: str) -> str:
    said = f"<localizedMessage>{escape(message)}</localizedMessage>"
    return f'<val xmlns="{VIM}" xsi:type="LocalizedMethodFault">{fault}{said}</val>'


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000 % 1000000:06d}Z"
