"""A Hub for tests, on this machine: it speaks the Hub's protocol to the unmodified client, and fails on demand."""

from .hub import Hub
from .repos import Claimed
from .wire import Fault

__all__ = ["Claimed", "Fault", "Hub"]
