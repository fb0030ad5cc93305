"""Rate limits by client, counted in Redis so that all API processes count together.

A client is an address, or an IPv6 network of 64 bits; only a hash is kept, for one window.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from fastapi import HTTPException, Request

from worker.client import Queues


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``count`` requests of a ``kind`` in ``seconds`` from one client; a window begins with the first one."""

    count: int
    seconds: int
    kind: str = "songs"

    def check(self, queues: Queues, client: str) -> None:
        """Count one request. Raises 429 with the seconds to wait."""
        key = f"riffbird:rate:{client}" if self.kind == "songs" else f"riffbird:rate:{self.kind}:{client}"
        with queues.connection.pipeline() as pipe:
            pipe.set(key, 0, ex=self.seconds, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
            _, count, left = pipe.execute()
        if count > self.count:
            wait = max(1, int(left))
            raise HTTPException(
                429,
                f"one client may send {self.count} {self.kind} in {self.seconds} s: try again in {wait} s",
                {"Retry-After": str(wait)},
            )


def address_of(request: Request) -> str:
    """The client's address; ``unknown`` behind a socket without one."""
    return request.client.host if request.client else "unknown"


def client_of(request: Request) -> str:
    """A short hash of the client's address (or its IPv6 network)."""
    return client_hash(address_of(request))


def client_hash(address: str) -> str:
    """The hash that stands for ``address``."""
    return hashlib.sha256(_network(address).encode()).hexdigest()[:32]


def is_allowed(address: str, allowed: str) -> bool:
    """Whether ``address`` is one of the addresses or networks in ``allowed``, separated by commas."""
    entries = [entry.strip() for entry in allowed.split(",") if entry.strip()]
    if address in entries or "*" in entries:
        return True
    try:
        ip = ipaddress.ip_address(address)
        return any(ip in ipaddress.ip_network(entry, strict=False) for entry in entries)
    except ValueError:
        return False


def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    # One household or server gets a whole /64, so single addresses would limit nothing.
    return str(ipaddress.ip_network(f"{host}/64", strict=False)) if address.version == 6 else host
