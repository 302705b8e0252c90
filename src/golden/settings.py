"""golden.toml: found as git finds its folder, read once, wrong keys named with line and column."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from golden.errors import BadConfig, BadName, NotFound
from golden.provider import Endpoint
from golden.written import expanded, utf8

FILE = "golden.toml"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

SECRET = re.compile(r"(pass|password|passwd|passphrase|pwd|secret|token|api_?key)$", re.IGNORECASE)
"""How a key ends whose value is a secret itself, not where to read one."""
PASSWORD_IN_URL = re.compile(r"[^/?#]*//[^/?#@]*:[^/?#]*@")

_TABLES = {
    "golden": {"state"},
    "defaults": {"endpoint", "library", "reference"},
    "reference": {"endpoint", "guest"},
    "guest": {
        "communicator",
        "host",
        "port",
        "user",
        "key_file",
        "known_hosts",
        "account",
        "password_file",
        "password_env",
        "keyring",
        "scheme",
        "ca_file",
        "thumbprint",
    },
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What golden.toml says, with what it leaves out filled in."""

    file: Path | None
    """None where there is no golden.toml: then there is one endpoint, the embedded libvirt."""
    base: Path
    """Folder that relative paths count from."""
    state: Path
    endpoints: dict[str, Endpoint]
    libraries: dict[str, Endpoint]
    guests: dict[str, dict[str, str]] = field(default_factory=dict)
    """By reference: how to get into its guests."""
    reference_endpoints: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def endpoint(self, name: str) -> Endpoint:
        """One by name; NotFound says which there are."""
        return _named(name, "endpoint", self.endpoints, self.file)

    def library(self, name: str) -> Endpoint:
        """One by name; NotFound says which there are."""
        return _named(name, "library", self.libraries, self.file)

    def default_endpoint(self, reference: str) -> str:
        """The endpoint a new reference lives on."""
        given = self.reference_endpoints.get(reference) or self.defaults.get("endpoint")
        return given or next(iter(self.endpoints))


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant, or nothing."""
    from difflib import get_close_matches  # Slow to import, and only wanted where something is wrong.

    return next(iter(get_close_matches(name, list(known), n=1)), "")


def check_name(name: str, what: str) -> str:
    """The name, if golden takes it; BadName otherwise."""
    if not NAME.fullmatch(name):
        raise BadName(
            f"{name!r} cannot be the name of a {what}",
            hint="lower-case letters, digits, dots, dashes and underscores, 63 at most, a letter or digit first",
        )
    return name


def find_file(start: Path) -> Path | None:
    """golden.toml in the folder or the nearest one above it."""
    for folder in (start, *start.parents):
        try:
            if (folder / FILE).is_file():
                return folder / FILE
        except PermissionError:
            return None  # What lies above a folder we may not look into is not ours.
    return None


def load(start: Path | None = None) -> Settings:
    """The settings that hold in a folder (the working directory). GOLDEN_PROJECT and GOLDEN_STATE win over it."""
    project = os.environ.get("GOLDEN_PROJECT")
    start = Path(project).absolute() if project else (start or Path.cwd())
    file = find_file(start)
    if project and file is None:
        raise NotFound(f"GOLDEN_PROJECT is {project}, and there is no {FILE} in it", hint="golden init")
    return read(file) if file else _settings(None, start, {}, "")


def read(file: Path) -> Settings:
    """One golden.toml. BadConfig with line and column."""
    try:
        text = utf8(file.read_bytes(), file)
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(file, str(error)) from error
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}") from error
    return _settings(file, file.parent, data, text)


def _syntax(file: Path, words: str) -> BadConfig:
    place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", words)
    where = f":{place[1]}:{place[2]}" if place and place[1] else " (at its end)" if place else ""
    told = re.sub(r" *\(at .*\)", "", words)
    return BadConfig(f"{file}{where}: {told}", hint="TOML as at https://toml.io")


def _settings(file: Path | None, base: Path, data: dict[str, Any], text: str) -> Settings:
    reader = _Reader(file or base / FILE, text)
    reader.keys("", data, {"golden", "defaults", "endpoints", "libraries", "references"})
    own = reader.table(data, "golden", _TABLES["golden"])
    endpoints = reader.places(data, "endpoints") or {"local": Endpoint("local", "qemu:///embed")}
    libraries = reader.places(data, "libraries")
    defaults = reader.table(data, "defaults", _TABLES["defaults"])
    guests, reference_endpoints = {}, {}
    for name, table in reader.named(data, "references"):
        path = f"references.{name}"
        reader.keys(path, table, _TABLES["reference"])
        guests[name] = reader.table(table, "guest", _TABLES["guest"], path)
        if "endpoint" in table:
            reference_endpoints[name] = reader.text(path, "endpoint", table["endpoint"])
    named = {f"references.{name}": endpoint for name, endpoint in reference_endpoints.items()}
    named |= {"defaults": defaults["endpoint"]} if "endpoint" in defaults else {}
    for path, endpoint in named.items():
        if endpoint not in endpoints:
            known = ", ".join(endpoints)
            raise reader.wrong(path, "endpoint", f"there is no endpoint {endpoint!r}; there are: {known}")
    if (library := defaults.get("library")) is not None and library not in libraries:
        raise reader.wrong("defaults", "library", f"there is no library {library!r}")
    place = base / reader.state(own)
    return Settings(file, base, place.absolute(), endpoints, libraries, guests, reference_endpoints, defaults)


def _named(name: str, what: str, known: dict[str, Endpoint], file: Path | None) -> Endpoint:
    if name in known:
        return known[name]
    close = nearest(name, known)
    details = f"did you mean {close}?" if close else f"there are: {', '.join(known)}" if known else None
    hint = f"golden {what} add {name if NAME.fullmatch(name) else 'NAME'} URL, or write it into {file or FILE}"
    raise NotFound(f"there is no {what} {name!r}", details=details, hint=hint)


def _files(url: str) -> dict[str, str]:
    """Options of a URL's own that are paths; of a URL that is none, none: its provider says what is wrong."""
    try:
        told = parse_qsl(urlsplit(url).query)
    except ValueError:
        return {}
    return {option: value for option, value in told if option.endswith("_file")}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads tables of one file and knows where in it a wrong key stands."""

    file: Path
    source: str

    def wrong(self, table: str, key: str, what: str) -> BadConfig:
        """An error at a key."""
        line, column = self._place(table, key)
        where = f"{table}.{key}" if table else key
        return BadConfig(f"{self.file}:{line}:{column}: {where}: {what}")

    def keys(self, table: str, data: dict[str, Any], known: set[str]) -> None:
        """Refuse keys nobody reads: a slip of the pen must not change what golden does."""
        for key in data:
            if key not in known:
                close = nearest(key, known)
                what = f"did you mean {close}?" if close else f"known are: {', '.join(sorted(known))}"
                raise self.wrong(table, key, f"golden does not know this key; {what}")

    def text(self, table: str, key: str, value: Any) -> str:
        """A string or a number as text."""
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self.wrong(table, key, f"a text was wanted, {type(value).__name__} was met")
        return str(value)

    def table(self, data: dict[str, Any], name: str, known: set[str], above: str = "") -> dict[str, str]:
        """A table of texts."""
        path = f"{above}.{name}" if above else name
        found = data.get(name, {})
        if not isinstance(found, dict):
            raise self.wrong(above, name, "a table was wanted")
        self.keys(path, found, known)
        return {key: self.text(path, key, value) for key, value in found.items()}

    def named(self, data: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
        """Tables by name, like ``[endpoints.local]``."""
        found = data.get(name, {})
        if not isinstance(found, dict):
            raise self.wrong("", name, f"tables like [{name}.NAME] were wanted")
        for key, value in found.items():
            if not NAME.fullmatch(key):
                raise self.wrong(name, key, "not a name golden takes (lower-case letters, digits, dots and dashes)")
            if not isinstance(value, dict):
                raise self.wrong(name, key, f"a table [{name}.{key}] was wanted")
        return list(found.items())

    def places(self, data: dict[str, Any], name: str) -> dict[str, Endpoint]:
        """Endpoints or libraries: a URL each, and whatever else their provider reads."""
        found = {}
        for key, table in self.named(data, name):
            path = f"{name}.{key}"
            options = {option: self._option(path, option, value) for option, value in table.items()}
            if "url" not in options:
                raise self.wrong(name, key, 'it needs a url, like url = "qemu:///embed"')
            if secret := next(filter(SECRET.search, options), None):
                raise self.wrong(path, secret, f"secrets are not written here; use {secret}_file or {secret}_env")
            if PASSWORD_IN_URL.match(options["url"]):
                raise self.wrong(path, "url", "secrets are not written here; leave the password out of the URL")
            url = options.pop("url")
            in_url = {option: self._option(path, option, value) for option, value in _files(url).items()}
            found[key] = Endpoint(key, url, in_url | options)
        return found

    def state(self, own: dict[str, str]) -> Path:
        """The state folder as it is written, or as GOLDEN_STATE names it; it may begin with a ``~``."""
        if given := os.environ.get("GOLDEN_STATE"):
            return expanded(given, "GOLDEN_STATE")
        try:
            return expanded(own.get("state", ".golden"))
        except NotFound as error:
            raise self.wrong("golden", "state", error.brief) from None

    def _option(self, path: str, option: str, value: Any) -> str:
        """A text; of a file the absolute path, as paths count from this file's folder and providers do not know it."""
        text = self.text(path, option, value)
        if not option.endswith("_file"):
            return text
        try:
            return str(self.file.parent / expanded(text))
        except NotFound:
            return text  # Whoever uses it refuses it; who does not, need not have a home.

    def _place(self, table: str, key: str) -> tuple[int, int]:
        current = ""
        for number, line in enumerate(self.source.splitlines(), start=1):
            if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                current = header[1].replace('"', "").replace("'", "")
                if current == (f"{table}.{key}" if table else key) or (not table and current.split(".")[0] == key):
                    return number, line.index("[") + 1
            elif current == table and (found := re.match(rf"\s*[\"']?({re.escape(key)})[\"']?\s*[=.]", line)):
                return number, found.start(1) + 1
        return 1, 1
