"""Texts of operators and nodes are text, whatever they look like."""

from pathlib import Path

from tests.harness.program import command, faucet

HOSTILE = "[/x] [bold]b[/bold] \x1b[2J\x9b31m \u202e\u2066gpj <b>&"
SHOWN = "[/x] [bold]b[/bold]"
UNPRINTABLE = ("\x1b", "\x9b", "\u202e", "\u2066")


async def test_texts_of_operators_break_no_command_and_no_page(tmp_path: Path) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1", log_format="json") as service:
        config = ("--config", str(service.config))
        job_id = (await service.sign_up("held-1")).body["job"]["id"]
        by = (*config, "--by", "[/ann]\x1b[2J", "--reason", HOSTILE + "x" * 5000)
        assert (await command("cancel", *by, job_id))[0] == 0
        assert (await command("pause", *by, "intake"))[0] == 0
        outputs = [await command(name, *config) for name in ("jobs", "audit", "check")]
        assert [code for code, _, _ in outputs] == [0, 0, 1]
        assert all(SHOWN in " ".join(output.split()) for _, output, _ in outputs[:2])
        pages = [await service.fetch(path) for path in ("/status", f"/jobs/{job_id}", "/readyz")]
        texts = [output + errors for _, output, errors in outputs] + [page.body.decode() for page in pages[:2]]
        assert not [text for text in texts if any(mark in text for mark in UNPRINTABLE)]
        assert "<b>&" not in texts[-1]
        assert len(pages[2].body["checks"]["intake"]["text"]) <= 1000
    assert (tmp_path / "log").read_text().isascii()
