"""certutil.exe -hashfile FILE [ALGORITHM]."""

from __future__ import annotations

import hashlib

from .world import Unknown, World

FILE_NOT_FOUND = 0x80070002


def main(world: World, arguments: list[str]) -> int:
    """Print a file's hash as certutil does; SHA1 unless told."""
    if not arguments or arguments[0].lower().lstrip("-/") != "hashfile" or len(arguments) < 2:
        raise Unknown(f"certutil.exe {' '.join(arguments)}")
    algorithm = arguments[2].upper() if len(arguments) > 2 else "SHA1"
    if algorithm not in ("MD5", "SHA1", "SHA256", "SHA384", "SHA512"):
        raise Unknown(f"the hash {algorithm}")
    path = world.path(arguments[1])
    if not path.is_file():
        world.say("CertUtil: -hashfile command FAILED: 0x80070002 (WIN32: 2 ERROR_FILE_NOT_FOUND)",
                  "CertUtil: The system cannot find the file specified.")  # fmt: skip
        return FILE_NOT_FOUND
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm.lower()).hexdigest()
    world.say(f"{algorithm} hash of {arguments[1]}:", digest, "CertUtil: -hashfile command completed successfully.")
    return 0
