"""Whose certificate the other end of a TLS connection has shown."""

from __future__ import annotations

import asyncio

from cryptography import x509


def subject_of(transport: asyncio.BaseTransport) -> str:
    """The subject of the client certificate that TLS has verified, in the words of RFC 4514; empty if there is none."""
    connection = transport.get_extra_info("ssl_object")
    certificate = connection.getpeercert(binary_form=True) if connection is not None else None
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string() if certificate else ""
