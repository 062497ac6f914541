"""Signatures of webhooks: as the receivers' library of Standard Webhooks makes them."""

from __future__ import annotations

import pytest

from app.events import signing

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_the_signature_is_that_of_a_foreign_library() -> None:
    """The value was made by `standardwebhooks` 1.1.0 for Python."""
    assert signing.headers(SECRET, "change-7", 1706696100, b'{"specversion":"1.0"}') == {
        "webhook-id": "change-7",
        "webhook-timestamp": "1706696100",
        "webhook-signature": "v1,gT8Ix/POZ3Oag9GpwezzfSyUXk7B2vjou1sLZ8gqXDI=",
    }


def test_secrets_are_new_each_time() -> None:
    made = {signing.new_secret() for _ in range(8)}
    assert len(made) == 8
    assert all(map(signing.is_secret, made))


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "whsec_" + "!" * 44])
def test_what_is_no_secret(text: str) -> None:
    assert not signing.is_secret(text)
