"""Files of changes, made by the tools that others make them with (gcab, msibuild), and the stand-in's trailers."""

from __future__ import annotations

import json
import struct
import subprocess
import zipfile
from pathlib import Path

_MUM = """<?xml version="1.0" encoding="utf-8"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">
<assemblyIdentity name="{name}" version="{version}" processorArchitecture="{architecture}" language="neutral" publicKeyToken="31bf3856ad364e35"/>
</assembly>
"""  # noqa: E501
_TRAILER = b"\r\ngolden stand-in installer\r\n"
_MACHINES = {"x86_64": 0x8664, "arm64": 0xAA64, "x86": 0x14C}


def cabinet(target: Path, files: dict[str, bytes], *, compressed: bool = False) -> Path:
    """A cabinet of these files."""
    work = target.parent / f"{target.name}.files"
    work.mkdir()
    for name, data in files.items():
        (work / name).write_bytes(data)
    options = ["-z"] if compressed else []
    subprocess.run(["gcab", "-c", "-n", *options, str(target.absolute()), *files], cwd=work, check=True)
    return target


def update_cab(target: Path, name: str, architecture: str = "amd64", version: str = "20348.1.1.1") -> Path:
    """An update for servicing."""
    manifest = _MUM.format(name=name, architecture=architecture, version=version).encode()
    return cabinet(target, {"update.mum": manifest, "update.cat": b"no signature"})


def update_msu(target: Path, name: str, architecture: str = "amd64", version: str = "20348.1.1.1") -> Path:
    """The same as it is downloaded."""
    inner = update_cab(target.with_suffix(".inner.cab"), name, architecture, version)
    return cabinet(target, {"Windows10.0-update.cab": inner.read_bytes(), "update.xml": b"<unattend/>"})


def package_name(name: str, architecture: str = "amd64", version: str = "20348.1.1.1") -> str:
    """What servicing calls it."""
    return f"{name}~31bf3856ad364e35~{architecture}~~{version}"


def msi(target: Path, properties: dict[str, str], template: str = "x64;1033", **installs: object) -> Path:
    """A package of the Windows Installer with a real Property table."""
    target.unlink(missing_ok=True)
    subprocess.run(["msibuild", target, "-s", "golden test", "golden", template, "{" + "0" * 8 + "-0000-0000-0000-"
                    + "0" * 12 + "}"], check=True, capture_output=True)  # fmt: skip
    queries = [
        "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` CHAR(0) NOT NULL PRIMARY KEY `Property`)"
    ]
    queries += [f"INSERT INTO `Property` (`Property`, `Value`) VALUES ('{k}', '{v}')" for k, v in properties.items()]
    for query in queries:
        subprocess.run(["msibuild", target, "-q", query], check=True, capture_output=True)
    told = {"key": properties.get("ProductCode"), "name": properties.get("ProductName"),
            "version": properties.get("ProductVersion"), **installs}  # fmt: skip
    with target.open("ab") as file:
        file.write(_TRAILER + json.dumps(told).encode())
    return target


def program(target: Path, architecture: str = "x86_64", **installs: object) -> Path:
    """A set-up program: a PE header, and what the stand-in does when it is run."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    coff = struct.pack("<HHIIIHH", _MACHINES[architecture], 1, 0, 0, 0, 0xF0, 0x22)
    optional = struct.pack("<H", 0x20B).ljust(0xF0, b"\0")
    whole = (dos.ljust(0x80, b"\0") + b"PE\0\0" + coff + optional).ljust(1024, b"\0")
    target.write_bytes(whole + _TRAILER + json.dumps(installs).encode())
    return target


def appx(target: Path, name: str, version: str = "1.2.3.0", architecture: str = "x64", **more: str) -> Path:
    """A package of the Store's kind; an ending with "bundle" makes a bundle."""
    identity = f'Name="{name}" Version="{version}" Publisher="{more.get("publisher", "CN=Golden")}"'
    with zipfile.ZipFile(target, "w") as archive:
        if target.suffix.endswith("bundle"):
            archive.writestr(
                "AppxMetadata/AppxBundleManifest.xml",
                f'<Bundle xmlns="http://schemas.microsoft.com/appx/2013/bundle"><Identity {identity}/>'
                f'<Packages><Package Type="application" Version="{version}" Architecture="{architecture}" '
                f'FileName="x.appx"/></Packages></Bundle>',
            )
        else:
            archive.writestr(
                "AppxManifest.xml",
                f'<?xml version="1.0"?>{more.get("doctype", "")}'
                '<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10">'
                f'<Identity {identity} ProcessorArchitecture="{architecture}"/></Package>',
            )
    return target
