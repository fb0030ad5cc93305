"""The address of this site, for links in previews and feeds."""

from __future__ import annotations

from fastapi import Request

from bot.api.settings import ApiSettings


def site_address(request: Request, settings: ApiSettings) -> str:
    """The public address, as configured or else as ``request`` names it, without a slash at its end."""
    return settings.public_url or str(request.base_url).rstrip("/")
