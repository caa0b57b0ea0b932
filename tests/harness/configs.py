"""Configuration files for the tests of the settings."""

from pathlib import Path

from jobs.settings import Settings, load

#: of tests/data/predecessor-config.yml
OTHER_WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"


def load_text(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    """The settings of a configuration file with this text."""
    (folder / "config.yaml").write_text(text)
    return load(folder / "config.yaml", environ or {})
