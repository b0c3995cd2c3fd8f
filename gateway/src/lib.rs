//! REST, GraphQL and WebSocket in front of the Trellis services.
