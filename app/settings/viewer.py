"""The settings of the viewer that is served beside the service."""

from __future__ import annotations

from pathlib import Path

from app.settings.groups import Group


class Viewer(Group):
    """The viewer OHIF, served at /ohif."""

    ohif: Path | None = None
    """Folder of OHIF's files as `make viewer` leaves them. Unset: the installed wheel radiolucent-ohif, else what `make viewer` has put
    into this checkout, else none: then /ohif says how to get it."""

    isolated: bool = False
    """Send Cross-Origin-Opener-Policy and -Embedder-Policy with the viewer, which gives it shared memory. It works without; if a service on
    another origin is viewed with it, that one has to send CORS and Cross-Origin-Resource-Policy headers."""
