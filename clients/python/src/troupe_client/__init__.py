"""Client for Troupe, the backend for AI roleplay platforms. README.md has a first program.

The messages and enums of the contracts are in the package `troupe`, such as `troupe.roleplay.v1.session_service_pb2`.
"""

from troupe.reasons import Reason
from troupe_client.client import AsyncTroupe, Troupe
from troupe_client.errors import TroupeError, Violation
from troupe_client.text import async_text_of, text_of
from troupe_client.tokens import FileTokens, MemoryTokens, Tokens, TokenStore

__all__ = [
    "AsyncTroupe",
    "FileTokens",
    "MemoryTokens",
    "Reason",
    "TokenStore",
    "Tokens",
    "Troupe",
    "TroupeError",
    "Violation",
    "async_text_of",
    "text_of",
]
