"""The codes with which the server closes a connection (docs/protocol.md)."""

FRAME_TOO_LARGE = 1009
INTERNAL = 1011
RESTARTING = 4012
NOT_AUTHENTICATED = 4401
TOO_MUCH_UNREAD = 4408
TOO_MANY = 4429
