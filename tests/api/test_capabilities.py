"""PS3.18 8.9 Retrieve Capabilities: OPTIONS on the base URL, as WADL or JSON, drawn from the table of transactions."""

from __future__ import annotations

from xml.etree import ElementTree

from app.dicomweb.capabilities import NAMESPACE
from app.dicomweb.transactions import TRANSACTIONS
from tests.api.conftest import BASE, Site

SERVED = {row.key for row in TRANSACTIONS if not row.missing}


async def test_wadl_is_the_default_and_names_every_resource_that_is_served(site: Site) -> None:
    answer = await site.http.options("")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    root = ElementTree.fromstring(answer.content)
    (resources,) = root
    assert resources.get("base") == BASE
    space = f"{{{NAMESPACE}}}"
    found = {
        (method.get("name"), "/" + path if (path := resource.get("path")) else "")
        for resource in resources
        for method in resource.iter(space + "method")
    }
    assert found == SERVED


async def test_json_says_the_same(site: Site) -> None:
    answer = await site.http.options("/", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    description = answer.json()
    assert {(method["name"], row["path"]) for row in description["resources"] for method in row["methods"]} == SERVED
    assert description["base"] == BASE


async def test_another_form_is_not_acceptable(site: Site) -> None:
    answer = await site.http.options("", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert "application/vnd.sun.wadl+xml" in answer.json()["offers"]


async def test_a_preflight_is_no_request_for_capabilities(shared_site: Site) -> None:
    headers = {"Origin": "https://viewer.example.org", "Access-Control-Request-Method": "GET"}
    answer = await shared_site.http.options("", headers=headers)
    assert "wadl" not in answer.headers.get("content-type", "")
    assert answer.headers["access-control-allow-origin"] == "https://viewer.example.org"
