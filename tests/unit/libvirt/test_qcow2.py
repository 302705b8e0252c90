"""golden's own reader of qcow2 files, compared byte by byte with qemu-img."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from golden.disk.raw import Memory, RawFile
from golden.errors import EndpointError, NotAble
from golden_libvirt.qcow2 import Qcow2

SIZE = (9 << 20) + 512


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def written(path: Path, *commands: str) -> None:
    run("qemu-io", "-f", "qcow2", *(word for command in commands for word in ("-c", command)), str(path))


def made(path: Path, *, below: Path | None = None, **options: object) -> Path:
    joined = ",".join(f"{name}={value}" for name, value in options.items())
    backing = ("-b", below.name, "-F", "qcow2") if below else ()
    with_options = ("-o", joined) if joined else ()
    run("qemu-img", "create", "-q", "-f", "qcow2", *backing, *with_options, str(path), str(SIZE))
    return path


def read(path: Path) -> bytes:
    """All of it in odd pieces, through every file below."""
    disk = opened(path)
    step = 700_001
    return b"".join(disk.read_at(at, step) for at in range(0, disk.size, step))


def opened(path: Path) -> Qcow2:
    disk = Qcow2(RawFile(path), path.name)
    if disk.backing:
        assert disk.backing_format == "qcow2"
        disk.put_on(opened(path.parent / disk.backing))
    return disk


def expected(path: Path) -> bytes:
    raw = path.with_suffix(".raw")
    run("qemu-img", "convert", "-O", "raw", str(path), str(raw))
    return raw.read_bytes()


@pytest.mark.parametrize("options", [{}, {"compat": "0.10"}, {"cluster_size": 4096}, {"cluster_size": "2M"}])
def test_a_chain_reads_as_qemu_reads_it(tmp_path: Path, options: dict[str, object]) -> None:
    """Data, holes, clusters that read as zeros over data below, odd ends, a smaller file below."""
    draw = random.Random(str(options))
    base = made(tmp_path / "base.qcow2", **options)
    written(base, *(f"write -P {draw.randrange(1, 255)} {draw.randrange(0, 8 << 20)} 300k" for _ in range(6)))
    top = made(tmp_path / "top.qcow2", below=base, **options)
    acts = [f"write -P {draw.randrange(1, 255)} {draw.randrange(0, 8 << 20)} 70001" for _ in range(6)]
    if options.get("compat") != "0.10":
        acts += [f"write -z {draw.randrange(0, 16) << 19} 512k" for _ in range(3)] + ["write -z -u 1M 2M"]
    written(top, *acts)
    run("qemu-img", "resize", "-q", str(top), str(SIZE + 100_352))
    assert read(top) == expected(top)


def test_compressed_clusters(tmp_path: Path) -> None:
    """What qemu-img convert -c wrote; zstd is told as what golden cannot read from afar."""
    base = made(tmp_path / "base.qcow2")
    written(base, "write -P 7 100k 3M", "write -P 8 5M 1000")
    for kind in ("zlib", "zstd"):
        packed = tmp_path / f"{kind}.qcow2"
        run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", f"compression_type={kind}", str(base), str(packed))
        if kind == "zlib":
            assert read(packed) == expected(base)
        else:
            with pytest.raises(NotAble):
                read(packed)


def test_no_qcow2_and_a_torn_one(tmp_path: Path) -> None:
    """Bytes that are none, an empty file, one that was cut, and kinds that only QEMU reads."""
    for content in (b"", b"QFI\xfb", b"not a disk" * 100, b"QFI\xfb" + bytes(200)):
        with pytest.raises(EndpointError):
            Qcow2(Memory(content), "x")
    whole = made(tmp_path / "whole.qcow2")
    written(whole, "write -P 7 0 3M")
    torn = whole.read_bytes()[: 1 << 20]
    with pytest.raises(EndpointError, match="cut off"):
        Qcow2(Memory(torn), "torn").read_at(0, 3 << 20)
    with pytest.raises(NotAble):
        Qcow2(RawFile(made(tmp_path / "far.qcow2", extended_l2="on")), "far")
