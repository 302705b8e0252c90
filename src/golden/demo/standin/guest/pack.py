"""
Run by Debian's /usr/bin/python3: pack.py OUT PROGRAMS SERVER SCRIPTS. Writes into OUT, as it will lie in the guest, the
Python that the programs need and nothing more: each module they import, compiled, without its source.
"""

from __future__ import annotations

import hashlib
import json
import py_compile
import shutil
import sys
import sysconfig
from pathlib import Path

MORE = ("encodings.ascii", "encodings.latin_1", "encodings.utf_16", "encodings.utf_16_le", "encodings.utf_8_sig",
        "encodings.cp1252", "encodings.cp437", "encodings.idna", "socket", "struct", "signal", "uuid", "base64", "glob",
        "hashlib", "random", "datetime", "xml.etree.ElementTree", "configparser", "zipfile")  # fmt: skip
"""What is imported only when it is needed, or by the server."""


HEAVY = ("_hashlib", "_ssl", "_bz2", "_lzma")
"""Parts of Python that bring large libraries and that it does without."""


def compiled(source: Path, target: Path) -> None:
    """One module as a file that Python loads without looking for a source."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), dfile=target.name, doraise=True, invalidation_mode=mode)


def origin_of(name: str) -> Path | None:
    """The file a module came from; of one frozen into Python, the file it was frozen from."""
    standard = Path(sysconfig.get_path("stdlib"), *name.split(".")).with_suffix(".py")
    origin = getattr(sys.modules.get(name), "__file__", None) or standard
    return Path(origin) if name != "__main__" and Path(origin).is_file() else None


def main(out: Path, programs: Path, server: Path, scripts: Path) -> None:
    """Import everything once and copy what that loaded."""
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(programs.parent), "/usr/lib/python3/dist-packages"]
    package = __import__("programs")

    for name in MORE:
        __import__(name)
    library = out / f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    frozen = ("os", "io", "abc", "codecs", "site", "stat", "posixpath", "genericpath", "_collections_abc")
    for name in {*sys.modules, *frozen}:
        source = origin_of(name)
        if source is None:
            continue
        if name.split(".")[0] == package.__name__:
            continue
        if source.suffix == ".so" and name in HEAVY:
            continue
        if source.suffix == ".so":
            (library / "lib-dynload").mkdir(parents=True, exist_ok=True)
            shutil.copy(source, library / "lib-dynload" / source.name)
        else:
            parts = name.split(".")
            path = Path(*parts, "__init__.pyc") if source.name == "__init__.py" else Path(*parts).with_suffix(".pyc")
            compiled(source, library / path)
    (library / "lib-dynload").mkdir(parents=True, exist_ok=True)
    for source in programs.rglob("*.py"):
        compiled(source, out / "lib/standin/programs" / source.relative_to(programs).with_suffix(".pyc"))
    compiled(server, out / "lib/standin/server.pyc")
    table = {hashlib.sha256(path.read_bytes()).hexdigest(): path.name for path in sorted(scripts.rglob("*.ps1"))}
    (out / "lib/standin/programs/shipped.json").write_text(json.dumps(table, indent=1))


main(*map(Path, sys.argv[1:5]))
