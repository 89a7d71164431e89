"""The methods of the protocol: each takes validated params, does one thing, and replies before it notifies anybody."""

from conversations.websocket.methods import catalog, conversations, flow, messages, projects
from conversations.websocket.methods.caller import METHODS, Caller

__all__ = ["METHODS", "Caller", "catalog", "conversations", "flow", "messages", "projects"]
