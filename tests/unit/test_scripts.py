"""The signup page's scripts: each pinned, none missing, none of others changed."""

import base64
import hashlib
import json
import re

from handlers.pages.scripts import OURS, PACKAGES, VENDORED, VENDORED_FOR_WORKER, WORKER, digest, signup_scripts
from handlers.pages.templates import STATIC

#: Of the packages' tarballs, as the registry gives them.
TARBALLS = {
    "noble-curves-2.3.0": "v7cY+4oWYPQszRj6ZFGzTVL7uP2TaLo1xMhWHzYC5wj0ZhOXQ5x+sBre8rF3hi8cAoi0bh1qXoovoOkdFtvqEg==",
    "noble-hashes-2.3.0": "oN+QwyX7VSHotibwubG3kpzbwKrfnyR6OOO+3Nk/53ADL7FmgHHz4TgrbaYKvvOw09u6QTx0oiH1cNCIOuN0CQ==",
}
IMPORT = re.compile(r"""^(?:import|export)\s[^"';]*?from\s*["']([^"']+)["']""", re.MULTILINE)
LONGEST_MODULE = 300  #: lines


def test_scripts_of_others_are_as_they_were_published() -> None:
    all_files = [*VENDORED.items(), *VENDORED_FOR_WORKER.items()]
    pinned = {f"{folder}{name}": value for folder, files in all_files for name, value in files.items()}
    present = {str(path.relative_to(STATIC)) for path in (STATIC / "vendor").rglob("*.js")}
    assert pinned.keys() == present
    assert {name: digest(name) for name in pinned} == pinned


def test_licence_and_origin_stand_beside_scripts_of_others() -> None:
    origins = (STATIC / "vendor" / "README.md").read_text()
    assert {path.name for path in (STATIC / "vendor").iterdir() if path.is_dir()} == TARBALLS.keys()
    for folder, integrity in TARBALLS.items():
        assert f"`sha512-{integrity}`" in origins
        assert "The MIT License" in (STATIC / "vendor" / folder / "LICENSE").read_text()


def test_every_import_is_in_the_map() -> None:
    """And nothing is in it that is not imported."""
    scripts = signup_scripts()
    addresses = json.loads(scripts.import_map)["imports"]
    reached, waiting = set[str](), [OURS[0]]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for specifier in IMPORT.findall((STATIC / name).read_text()):
            target = _resolved(name, specifier)
            assert (f"/static/{target}" if specifier.startswith(".") else specifier) in addresses
            waiting += [target] if target not in reached else []
    assert reached == {*OURS, *(folder + name for folder, files in VENDORED.items() for name in files)}


def test_worker_imports_files_beside_it_alone() -> None:
    """No import map holds in a worker."""
    reached, waiting = set[str](), [WORKER[0]]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for specifier in IMPORT.findall((STATIC / name).read_text()):
            assert specifier.startswith(".")
            waiting += [target] if (target := _resolved(name, specifier)) not in reached else []
    of_others = {folder + name for folder, files in VENDORED.items() for name in files if folder in VENDORED_FOR_WORKER}
    own = {folder + name for folder, files in VENDORED_FOR_WORKER.items() for name in files}
    assert {*WORKER, *own} <= reached <= {*WORKER, *own, *of_others}


def _resolved(importer: str, specifier: str) -> str:
    """The static file that `importer` means."""
    for package, folder in PACKAGES.items():
        if specifier.startswith(package):
            return folder + specifier.removeprefix(package)
    return str(((STATIC / importer).parent / specifier).resolve().relative_to(STATIC))


def test_every_script_has_its_digest_in_map_and_page() -> None:
    scripts = signup_scripts()
    integrity = json.loads(scripts.import_map)["integrity"]
    assert {script.url: script.integrity for script in (scripts.entry, *scripts.modules)} == integrity
    assert all(re.fullmatch(r"/static/\S+\.js\?v=[0-9a-f]{12}", url) for url in integrity)


def test_policy_allows_the_map_and_no_other_inline_text() -> None:
    scripts = signup_scripts()
    allowed = base64.b64encode(hashlib.sha256(scripts.import_map.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{allowed}';" in scripts.policy
    assert "default-src 'none'" in scripts.policy
    assert "unsafe" not in scripts.policy


def test_our_scripts_are_small() -> None:
    assert max(len((STATIC / name).read_text().splitlines()) for name in (*OURS, *WORKER)) < LONGEST_MODULE
