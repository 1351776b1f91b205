"""What a store that is reached by URL raises when it is out of reach: not every library keeps to OSError."""

import sys

_RAISED_BESIDE = (("botocore.exceptions", ("BotoCoreError", "ClientError")), ("asyncssh", ("Error",)))


def store_errors() -> tuple[type[Exception], ...]:
    """OSError, and what those libraries raise beside it that are loaded: asked for only once something has gone wrong."""
    loaded = [(sys.modules[module], names) for module, names in _RAISED_BESIDE if module in sys.modules]
    return (OSError, *(getattr(module, name) for module, names in loaded for name in names))


def reason_of(error: Exception) -> str:
    """The error in words that name no address: what the system says, or the error's kind."""
    return getattr(error, "strerror", None) or type(error).__name__
