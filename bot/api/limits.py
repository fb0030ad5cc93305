"""How often one client may ask, counted in the queue's server so that all API processes count together.

Clients are told apart by address (an IPv6 network of 64 bits is one), of which only a hash is kept, for one window.
Does not know what is asked for.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from fastapi import HTTPException, Request

from worker.client import Queues


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``songs`` in ``seconds`` from one client; windows begin with a client's first request."""

    songs: int
    seconds: int

    def check(self, queues: Queues, client: str) -> None:
        """Count one request. Raises the 429 with the seconds to wait."""
        key = f"riffbird:rate:{client}"
        with queues.connection.pipeline() as pipe:
            pipe.set(key, 0, ex=self.seconds, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
            _, count, left = pipe.execute()
        if count > self.songs:
            wait = max(1, int(left))
            raise HTTPException(
                429,
                f"one client may ask for {self.songs} songs in {self.seconds} s: try again in {wait} s",
                {"Retry-After": str(wait)},
            )


def client_of(request: Request) -> str:
    """A short hash of the client's address (or its IPv6 network)."""
    host = request.client.host if request.client else "unknown"
    return hashlib.sha256(_network(host).encode()).hexdigest()[:32]


def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    # One household or server gets a whole /64: counting single addresses would limit nobody.
    return str(ipaddress.ip_network(f"{host}/64", strict=False)) if address.version == 6 else host
