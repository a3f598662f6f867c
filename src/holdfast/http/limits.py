"""The bounds that one listener puts on its clients: sizes, counts and times, each with the status that answers a breach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All sizes in bytes, all times in seconds. Times are coarse: they are checked once a tick, so up to `tick_s` late."""

    request_line_bytes_max: int = 16 * 1024
    """Method, target and version with the spaces between them; a longer one is answered 414."""
    header_section_bytes_max: int = 16 * 1024
    """All header lines together (S3 allows 8 KiB of them); more is answered 431."""
    header_count_max: int = 128
    """Header lines; more is answered 431."""
    trailer_section_bytes_max: int = 8 * 1024
    """All trailer lines of a chunked request; more breaks the body (IncompleteBody)."""
    chunk_line_bytes_max: int = 256
    """A chunk-size line with its extensions, which are ignored; a longer one breaks the body (IncompleteBody)."""

    header_s: float = 10.0
    """From the first byte of a request (of a new connection: from its start) to the end of its headers; then 408."""
    idle_s: float = 60.0
    """Without a request, between two of them; then the connection is closed."""
    body_stall_s: float = 30.0
    """Without a byte while the handler waits for the body; then RequestTimeout."""
    body_window_s: float = 30.0
    """The span over which the mean rate of a body that is waited for is measured."""
    body_rate_min: int = 256
    """Bytes a second that a body must bring over a window; below, RequestTimeout."""
    write_stall_s: float = 60.0
    """Without a byte taken by the client while an answer waits for it; then the connection is cut."""
    write_window_s: float = 60.0
    """The span over which the mean rate of a client that takes an answer slowly is measured."""
    write_rate_min: int = 256
    """Bytes a second that a client must take over a window; below, the connection is cut."""
    half_closed_s: float = 60.0
    """For a handler whose client has shut down its sending side (or is gone: the two look alike); then it is cancelled."""
    drain_s: float = 5.0
    """For the rest of a body that nobody wants after its answer; then the connection is closed."""
    drain_bytes_max: int = 1024 * 1024
    """Of such a rest that are read to keep a connection; if more is to come, the connection is closed after the answer."""
    linger_s: float = 2.0
    """For a client to take an answer that closes the connection, its own bytes being thrown away meanwhile."""
    linger_bytes_max: int = 16 * 1024 * 1024
    """Thrown away while lingering; then the connection is cut."""
    handshake_s: float = 10.0
    """For a TLS handshake."""
    tick_s: float = 1.0
    """Between two looks at the clock; also the age of the Date header."""

    body_buffer_bytes_max: int = 1024 * 1024
    """Of a body that wait for the handler; above, nothing more is read from the socket (256 kB may be under way)."""
    write_buffer_bytes_max: int = 1024 * 1024
    """Of answers that wait for the client; above, a stream is not asked for its next piece."""
    pipelined_per_turn: int = 32
    """Pipelined requests answered before other connections get their turn."""
    connections_max: int = 10_000
    """Open connections of one worker; further ones are answered 503 and closed."""
    connections_per_peer_max: int = 0
    """Open connections of one client address; 0 for no bound."""
