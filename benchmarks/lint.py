"""``golden lint`` of a large answer file against the least Python program that reads it with the same parser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.row import Row, in_turns, median
from golden.windows.answers.writing import Wish, written

LIMIT = 1.5
TIMES = 31
SIZE = 60 << 10
GOLDEN = "from golden.cli.main import main; main()"
"""What the installed command does, without the modules that some versions of pip load in it before."""
LEAST = """
import sys
from xml.parsers import expat
seen = []
parser = expat.ParserCreate(namespace_separator=" ")
parser.StartElementHandler = lambda name, attributes: seen.append((name, attributes, parser.CurrentLineNumber))
parser.CharacterDataHandler = seen.append
with open(sys.argv[1], "rb") as file:
    parser.Parse(file.read(), True)
print(len(seen))
"""
COMMAND = """<RunSynchronousCommand wcm:action="add">
          <Order>{at}</Order>
          <Path>reg.exe add HKLM\\SOFTWARE\\Site /v n{at} /t REG_DWORD /d {at} /f</Path>
          <Description>number {at}</Description>
        </RunSynchronousCommand>
        """


def answers() -> str:
    """A file as ``golden answer new`` writes it, with as many commands as make it large."""
    whole = written(Wish("client", "en-US", account="admin")).decode()
    commands = "".join(COMMAND.format(at=at) for at in range(1, SIZE // len(COMMAND)))
    about = 'processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS"'
    component = f'<component name="Microsoft-Windows-Deployment" {about}><RunSynchronous>{commands}</RunSynchronous>'
    return whole.replace('<settings pass="specialize">', f'<settings pass="specialize">{component}</component>')


def measure(work: Path) -> Row:
    """Medians by turns."""
    file = work / "unattend.xml"
    file.write_text(answers(), "utf-8")
    # As an installed program is: compiled once, not at each start.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run(*argv: str) -> None:
        subprocess.run([sys.executable, "-c", *argv], env=env, check=True, stdout=subprocess.DEVNULL)

    acts = {
        "golden": lambda: run(GOLDEN, "lint", str(file)),
        "least": lambda: run(LEAST, str(file)),
    }
    in_turns(acts, 1)
    found = in_turns(acts, TIMES)
    a, b = median(found["golden"]) * 1000, median(found["least"]) * 1000
    what = f"golden lint of {file.stat().st_size >> 10} KiB, against a script that reads its elements with expat"
    return Row("lint", what, "ms", a, b, a / b, LIMIT, samples=found)
