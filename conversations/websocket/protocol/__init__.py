"""The protocol (docs/protocol.md): JSON-RPC requests in, frames out. Nothing else knows it."""
