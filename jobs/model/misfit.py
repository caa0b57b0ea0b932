"""Why a node fits neither the clock nor the configuration. Pure."""


def head_misfit(head_time: int, *, own: bool, now: float, max_age: int) -> str | None:
    """That the head is older than `max_age` seconds, or that a stranger's is as far ahead of the clock; else None."""
    age = now - head_time
    if age > max_age:
        return f"is out of sync: its head block is {age:.0f} seconds old"
    if -age > max_age and not own:
        return (
            f"is a stranger whose head block is {-age:.0f} seconds ahead of this machine's clock: "
            "set the clock, or use another node"
        )
    return None


def asset_misfit(symbol: str, configured: str | None) -> str | None:
    """That the core asset is another than the `configured` one; None where it is that, or any will do."""
    return None if configured in (None, symbol) else f"has the core asset {symbol}, the configuration says {configured}"
