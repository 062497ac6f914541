"""Conformance is shown on the same sites as the API tests."""

from tests.api.conftest import replacing_site, shared_site, site

__all__ = ["replacing_site", "shared_site", "site"]
