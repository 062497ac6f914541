"""The interactive pages need no host but this one."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Site


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_pages_load_everything_from_this_server(site: Site, page: str) -> None:
    answer = await site.http.get("http://127.0.0.1" + page)
    assert answer.status_code == 200
    linked = re.findall(r"""(?:src|href|url|spec-url)\s*[=:]\s*["']([^"']+)["']""", answer.text)
    assert linked
    for link in linked:
        assert not link.startswith("/"), "a prefix of a proxy must not be lost"
        assert (await site.http.get("http://127.0.0.1/" + link)).status_code == 200, link
    assert "://" not in answer.text.replace("http://www.w3.org", "")
