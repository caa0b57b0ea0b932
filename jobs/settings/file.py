"""The file with its keys, values and lines; a mistake is blamed on the line, or the variable, that it came from."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from chain.private_keys import holds_wif
from jobs.settings.predecessor import CLIENTS, NO_LONGER_NEEDED
from jobs.settings.values import LEADING_ZERO, ValueProblemError

#: Keys whose values are secrets: their own parsers say what is wrong with them, and repeat nothing.
SECRETS = frozenset({"wif", "mail_pass", "secret_key", "admin_password_hash"})
#: Keys that nobody leaves empty on purpose; without `witness_url` the embedded dev chain would be served instead, and
#: without `admin_networks` /admin would be open to all.
NEVER_EMPTY = frozenset({"witness_url", "admins", "admin_password_hash", "admin_networks"})

#: What an unknown key may look like to be repeated: a longer one may be a secret.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
#: Numbers that YAML reads as another one than they look like: octal, hexadecimal, binary, base 60.
_DECEPTIVE = re.compile(r"[-+]?0[0-9_xXbBoO].*|.*:.*")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_].*")
#: Texts of the file within the messages of PyYAML; what stands in <> are its own words.
_QUOTED = re.compile(r"(?<![A-Za-z])(['\"])(?!<).{4,}\1")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class ConfigError(Exception):
    """A mistake in the configuration: one line that names the key and the file's line."""

    def __init__(self, where: str, sentence: str, *, key: str | None = None) -> None:
        super().__init__(f"{where}: {key}: {sentence}" if key else f"{where}: {sentence}")
        self.key = key


@dataclass(slots=True)
class ConfigFile:
    """What the file and the environment give."""

    name: str
    given: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  #: for the operator
    variables: dict[str, str] = field(default_factory=dict)  #: those of the environment that gave a key, by the key

    def override(self, variables: Mapping[str, str], environ: Mapping[str, str]) -> None:
        """Take the keys that `variables` name from `environ`; an empty variable gives nothing."""
        for variable, key in variables.items():
            if environ.get(variable, "").strip():
                self.given[key], self.variables[key] = environ[variable], variable

    def forget(self, *keys: str) -> None:
        """Read nothing of `keys`."""
        for key in keys:
            self.given.pop(key, None)

    def parse(self, key: str, parse: Callable[[Any], Any]) -> Any:
        """The value of `key`, typed. Raises ConfigError."""
        if key != "wif" and _holds_wif(self.given[key]):
            raise self.mistake(key, "holds a private key, which belongs in wif, or in the file that wif_file names")
        try:
            return parse(self.given[key])
        except ValueProblemError as error:
            raise self.mistake(key, str(error)) from None

    def name_of(self, key: str) -> str:
        """What gave `key`: the variable of the environment, or the key itself."""
        return self.variables.get(key, key)

    def mistake(self, key: str, sentence: str) -> ConfigError:
        """What to raise of `key`."""
        if key in self.variables:
            return ConfigError(f"{self.variables[key]} (environment)", sentence)
        return ConfigError(self._where(self.lines.get(key)), sentence, key=key)

    def read(self, root: yaml.MappingNode, known: Collection[str]) -> None:
        """Take the keys of `root`. Raises ConfigError."""
        for key_node, value_node in root.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in NO_LONGER_NEEDED:
                self.notes.append(f"{self._where(line)}: {key} is no longer needed: {NO_LONGER_NEEDED[key]}")
                continue
            self._check_key(key, line, known)
            self.lines[key] = line
            self._take(key, value_node)
        if self.notes and "old_clients" not in self.lines:
            self.notes.append(f"{self.name}: {CLIENTS}")

    def not_yaml(self, error: Exception, line: int | None = None) -> ConfigError:
        """What to raise where YAML can't be read; it repeats nothing of the file."""
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "a value can't be read"
        sentence = f"is not YAML: {_QUOTED.sub('…', problem)}"
        return ConfigError(self._where(mark.line + 1 if mark else line), sentence)

    def _check_key(self, key: str, line: int, known: Collection[str]) -> None:
        if key in self.lines:
            raise ConfigError(self._where(line), f"stands already in line {self.lines[key]}", key=key)
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0.0)[0]
            shown = key if _WORD.fullmatch(key) else "what stands before the colon"
            sentence = f"is not a key of this file; the nearest is {nearest}"
            raise ConfigError(self._where(line), sentence, key=shown)

    def _take(self, key: str, node: yaml.Node) -> None:
        """Take the value of `key`, unless it is empty."""
        if key not in SECRETS and (problem := _number_problem(node)) is not None:
            raise self.mistake(key, problem)
        value = self._value(node)
        is_blank = value is None or (isinstance(value, str) and not value.strip())
        if key in NEVER_EMPTY and (is_blank or value == []):
            raise self.mistake(key, "is empty: give it a value, or leave the key out")
        if not is_blank:
            self.given[key] = value

    def _value(self, node: yaml.Node) -> Any:
        try:
            return yaml.constructor.SafeConstructor().construct_document(node)
        except (yaml.YAMLError, ValueError) as error:
            raise self.not_yaml(error, node.start_mark.line + 1) from None

    def _where(self, line: int | None) -> str:
        return self.name if line is None else f"{self.name}:{line}"


def read_file(path: Path, known: Collection[str]) -> ConfigFile:
    """The file at `path`, which may have the keys `known`. Raises ConfigError."""
    file = ConfigFile(path.name)
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path.name, f"can't be read: {error}") from None
    except yaml.YAMLError as error:
        raise file.not_yaml(error) from None
    if root is None:
        return file
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(path.name, "must be a list of lines such as 'port: 5000'")
    file.read(root, known)
    return file


def _number_problem(node: yaml.Node) -> str | None:
    """What is wrong with a number that YAML reads as another one than it looks like."""
    if isinstance(node, yaml.SequenceNode):
        return next((problem for entry in node.value if (problem := _number_problem(entry)) is not None), None)
    is_plain_number = isinstance(node, yaml.ScalarNode) and node.style is None and node.tag in _NUMBERS
    if not is_plain_number or not _DECEPTIVE.fullmatch(node.value):
        return None
    if _LEADING_ZERO.fullmatch(node.value):
        return LEADING_ZERO
    return "must be written in decimal: YAML reads another number than it looks like"


def _holds_wif(value: Any) -> bool:
    """Whether a private key stands in `value`, or in a list or mapping."""
    if isinstance(value, Mapping):
        return any(map(_holds_wif, (*value.keys(), *value.values())))
    if isinstance(value, list):
        return any(map(_holds_wif, value))
    return isinstance(value, str) and holds_wif(value)
