"""What one listener has counted since it started, as plain integers for the metrics to read."""

from __future__ import annotations


class Counters:
    """Only ever grow, but for `connections`, which are open now."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "connections",  # open now
        "connections_accepted",
        "connections_refused",  # over a bound on connections: answered 503
        "failures",  # handlers or streams that raised what they should not
        "hangups",  # clients gone while their request was in work
        "refused",  # answered by this layer: bad or too large heads, 408, 503
        "requests",  # heads accepted and handed to the handler
        "timeouts",  # of heads, bodies, drains and writes; not idle connections
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    connections: int
    connections_accepted: int
    connections_refused: int
    requests: int
    refused: int
    timeouts: int
    hangups: int
    failures: int
    bytes_in: int
    bytes_out: int

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}
