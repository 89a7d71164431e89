"""One WebSocket connection: its authentication, what is sent on it, and how fast."""
