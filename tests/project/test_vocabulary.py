"""The code, its comments and the documents use the field's words, not the private ones that they once had."""

import re
from pathlib import Path

import pytest

from tests.harness.program import ROOT

FOLDERS = (
    "bench",
    "chain",
    "commands",
    "deploy",
    "devchain",
    "docs",
    "handlers",
    "jobs",
    "static",
    "templates",
    "tests",
)
SUFFIXES = {".css", ".html", ".js", ".md", ".py", ".sql", ".toml", ".yaml", ".yml"}
OTHERS = {"data", "node_modules", "vendor"}  #: folders whose texts are not ours

#: Each with the word to use instead.
WORDS = {
    r"[A-Z]+_MOST": "MAX_…",
    r"[A-Z]+_WITHIN": "…_TIMEOUT",
    r"[A-Z]+_EVERY": "…_INTERVAL",
    r"Books": "ChainTotals",
    r"CALM": "RESOLVE_AFTER",
    r"[Dd]eeds?": "action, RegistrarTransaction",
    r"dial": "open_link",
    r"DoorSelector": "PrioritySelector",
    r"Drafts?": "SignedTransaction",
    r"[Ee]ntrance": "SignupRouter",
    r"FairLoop": "FairEventLoop",
    r"FoundOperation": "OnChainOperation",
    r"guests?": "client connection",
    r"guilty": "rejected",
    r"half_within|most_within": "p50, p95",
    r"hand_in": "submit",
    r"HOLD": "LONG_POLL",
    r"hold_drain": "auto_pause",
    r"judged?": "evaluate, handle_refusal",
    r"hub": "subscriptions",
    r"MOST": "MAX_…",
    r"PATIENCE": "LOCK_TIMEOUT",
    r"put_mail_off": "defer_mail",
    r"room_after": "retry_after",
    r"Scene": "Scenario",
    r"settle_states": "derive_states",
    r"Situation|_SITUATION": "DrainContext; _LOOKUP",
    r"spare_the_collector": "tune_gc",
    r"_Standing": "_DerivedState",
    r"STEADY": "STABLE_AFTER",
    r"steps_of": "progress_of",
    r"take_over": "import_payments",
    r"Terms": "AccountTemplate",
    r"[Tt]rouble": "last_error",
    r"Verdict": "RefusalPlan, AlertChanges",
}
PATTERN = re.compile(rf"\b(?:{'|'.join(WORDS)})\b")
TEXTS = sorted(
    path
    for folder in (ROOT, *(ROOT / name for name in FOLDERS))
    for path in (folder.glob("*") if folder == ROOT else folder.rglob("*"))
    if path.suffix in SUFFIXES and not OTHERS & {*path.relative_to(ROOT).parts} and path != Path(__file__)
)


def test_every_folder_is_read() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in TEXTS if path.parent != ROOT} == {*FOLDERS}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_old_words_are_gone(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [(number, *PATTERN.findall(line)) for number, line in enumerate(lines, 1) if PATTERN.search(line)] == []
