//! The HTTP API, the WebSocket endpoint and the embedded editor.
