"""The methods of the protocol: each takes checked params, does one thing, and replies before anything else is told."""

from conversations.methods import choices, conversations, messages
from conversations.methods.caller import METHODS, Caller

__all__ = ["METHODS", "Caller", "choices", "conversations", "messages"]
