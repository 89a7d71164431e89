"""One WebSocket connection: who it is, what it is told, and how fast."""
