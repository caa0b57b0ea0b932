"""The signup page's scripts: every file with its digest, so that a browser runs no other content."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from handlers.pages.templates import STATIC, static_url

ENTRY = "signup/page.js"
#: What the entry imports of ours, whatever the depth.
OURS = (
    ENTRY,
    "signup/account.js",
    "signup/keys.js",
    "signup/names.js",
    "signup/records.js",
    "signup/request.js",
    "signup/sheet.js",
    "signup/steps.js",
    "signup/work.js",
    "work/work.js",
)

#: Files of others by folder, with the digests that static/vendor/README.md tells how to verify.
VENDORED = {
    "vendor/noble-curves-2.3.0/": {
        "abstract/curve.js": "sha384-ODBjqSp7TMelg02mZvanGq1sBERWplsIpg71lXQGdGGmvz3xqxFHWZPKRlw0jX9u",
        "abstract/der.js": "sha384-Z8jRJ8ASiCbBy65IUAJ4vYQ5E7h+/mjURYBOQbEvUEXnt8+A5IqOiRlgO06smrlh",
        "abstract/fft.js": "sha384-BhhrVK9q8Q/ZSggdCXKcsDdWI95d1YMTRlhDT/+x3xiTKgWWWw2ird6lgr+1oJ1u",
        "abstract/frost.js": "sha384-EPRxWYrB01MOSyo4F+xpOxW656lZ8wp1PKxty5hVaVnslT7EadRkJ7P4bLAISH8a",
        "abstract/hash-to-curve.js": "sha384-3jJUzXTuQ5UGhTEqaS82kE/lQkdp0S1r7P3RW+fittWKDwtFPZiNU2bZ3qKhoQuY",
        "abstract/modular.js": "sha384-xR7s2u9uY85mOtRdE4RBg4QC7mI1CUwjMWOLGFwxx+LGd9Xzg6T8c5/u/3K/x6fk",
        "abstract/weierstrass.js": "sha384-tghd0xqp5a9Nk070Nu1PDtKsEmJ/E75F7SjopCod+skVAWBylRM4UBiMljXIOsff",
        "secp256k1.js": "sha384-5uyghW57X5xLBoG8Cp1YrusR7HVk1mAJhSHgawDlka7II4ZUVGfgBMhDi5e3ZyEV",
        "utils.js": "sha384-yxyxAjWSOk1k91XdLdph2I73SDcpeqSnrkUr5ru3cOL6csP8uAhQ0qgD2y7s85BT",
    },
    "vendor/noble-hashes-2.3.0/": {
        "_md.js": "sha384-+inj+kU2SrziXaCzySRcSf7kOiLEfScN7pI3vq97++FGKDRSw3MJ0t0l37dQWmKc",
        "_u64.js": "sha384-SPLtaj6mblQ3NtLCy4eidRByUQWvhD8+J1MpyW8ejRRfwyGrzdElsKxcrcBmGjZY",
        "hmac.js": "sha384-T+vGWnGryWubEFH8lQdk8LN00eOX+mpsmHwdXuC6L6KIIn46POY/2hauzVrdjZNH",
        "legacy.js": "sha384-0jB24bW9lAVeQ6N+1J5hDmWtio1Pn5vx3+RMWQ8C6TUHpnILHsRDC0RdvP99O52Q",
        "sha2.js": "sha384-YXgpTrphhgj/WMtfF9PcPZQOE57vqATkv4wTjdFflOBTMR5ro2T6S/MkCc9vVH5q",
        "utils.js": "sha384-o/UAi4nXLw5cgu/fGUFKWlOZgAOEXsqUf0e3wCE1vtuh9gTdupYdEamhXyxtYwOZ",
    },
}
#: What the worker that does proof of work runs besides: no digest goes with an import of a worker, so the page keeps
#: from it whatever is secret.
WORKER = ("work/worker.js", "work/solver.js")
VENDORED_FOR_WORKER = {
    "vendor/noble-hashes-2.3.0/": {
        "_blake.js": "sha384-rOU4Miz94772LfWtR0BKt7ADNRWghCLuiFZwl+YBOth14zJqyjySY5Qn0yc23/T4",
        "argon2.js": "sha384-DwMNRqDUYu7KrCwkFDPne0gSriOK31qdjfahCA73xVN6Rfg4P+AumXaBK9g9Krkf",
        "blake2.js": "sha384-vzOUDPVzzcaFAU+ZPG/75JDyZtpwZEfLNQBDrAVOeMyzDulPPpDEVVWFcqFJlmSv",
    },
}
#: The packages' names in import statements, and their folders.
PACKAGES = {"@noble/curves/": "vendor/noble-curves-2.3.0/", "@noble/hashes/": "vendor/noble-hashes-2.3.0/"}


@dataclass(frozen=True, slots=True)
class Script:
    """A file that the page may run."""

    url: str
    integrity: str


@dataclass(frozen=True, slots=True)
class Scripts:
    """What the page's template and its headers need."""

    entry: Script
    modules: tuple[Script, ...]  #: that the entry imports
    import_map: str  #: JSON of addresses, names and digests: nothing in it could end the element
    policy: str  #: the Content-Security-Policy


@cache
def signup_scripts() -> Scripts:
    """The scripts as they are on disk when they are first asked for. Raises OSError."""
    of_others = {folder + name: value for folder, files in VENDORED.items() for name, value in files.items()}
    integrity = {name: digest(name) for name in OURS} | of_others
    scripts = {name: Script(static_url(name), value) for name, value in integrity.items()}
    import_map = json.dumps(_import_map(scripts), separators=(",", ":"))
    modules = tuple(script for name, script in scripts.items() if name != ENTRY)
    return Scripts(scripts[ENTRY], modules, import_map, _policy(import_map))


def digest(name: str) -> str:
    """The digest of a static file, as the attribute `integrity` spells it. Raises OSError."""
    return f"sha384-{base64.b64encode(hashlib.sha384((STATIC / name).read_bytes()).digest()).decode()}"


def _import_map(scripts: Mapping[str, Script]) -> dict[str, dict[str, str]]:
    """Where each import finds its file, and the digest that the file must have."""
    return {
        "imports": {specifier: script.url for name, script in scripts.items() for specifier in _specifiers(name)},
        "integrity": {script.url: script.integrity for script in scripts.values()},
    }


def _specifiers(name: str) -> Iterator[str]:
    """The ways in which a script may import the file: by its path, and from another package by the package's name."""
    yield f"/static/{name}"
    for package, folder in PACKAGES.items():
        if name.startswith(folder):
            yield package + name.removeprefix(folder)


def _policy(import_map: str) -> str:
    """Scripts, styles, pictures and data from here, one inline text that is no script, and nothing else."""
    allowed = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{allowed}'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; worker-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
