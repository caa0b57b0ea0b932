"""Keys of the configuration that contradict each other."""

from typing import TYPE_CHECKING

from jobs.settings.file import ConfigFile

if TYPE_CHECKING:
    from jobs.settings import Settings


def contradiction(settings: "Settings", file: ConfigFile, *, with_key: bool) -> tuple[str, str] | None:
    """The key to blame if two keys contradict each other, and why."""
    if settings.wif is not None and settings.wif_file is not None:
        return "wif_file", f"{file.name_of('wif')} is given too: only one of them can be"
    if settings.reply_wait > settings.reply_wait_max:
        return "reply_wait", "is longer than reply_wait_max"
    if (problem := _of_work(settings)) is not None:
        return problem
    if "devchain" in settings.witness_url and not settings.uses_devchain:
        return "witness_url", "devchain can't be one of several nodes"
    if settings.uses_devchain:
        return None
    missing = [] if "registrar" in file.given else ["registrar"]
    if with_key and settings.wif is None and settings.wif_file is None:
        missing.append("wif")
    return (missing[0], "is needed for a chain of your own") if missing else None


def _of_work(settings: "Settings") -> tuple[str, str] | None:
    if settings.work_seconds > settings.work_seconds_max:
        return "work_seconds", "is longer than work_seconds_max"
    if settings.proof_of_work != "off" and settings.invitation == "required":
        return "proof_of_work", "is asked of nobody where an invitation is required"
    return None
