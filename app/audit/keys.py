"""The secret of the audit trail: an Ed25519 key that signs heads (RFC 8032), and what is derived from it for patients.

The private key is a PEM file of mode 0600, made on first use, also by several processes at once; beside it lies the public one (`.pub`),
to be kept elsewhere by whoever wants to check the trail. A patient stands in the trail as a keyed digest: whoever has the trail alone can
neither read who it is nor try all ids. Must not know: records, files of the trail.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkstemp

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.errors import Unavailable

OTHERS = 0o077
PATIENT_DIGITS = 32
"""Hexadecimal digits of a patient's digest: 128 bits tell all patients of the world apart."""

REMEMBERED = 10_000
"""Digests that are kept, for the patients whose frames are being looked at."""


@dataclass(frozen=True)
class Keys:
    """What signs, and what names patients."""

    private: Ed25519PrivateKey = field(repr=False)
    _told: dict[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    @cached_property
    def name(self) -> str:
        """By which a head says what it was signed with."""
        return key_name(self.public)

    @cached_property
    def _patients(self) -> bytes:
        seed = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return hmac.digest(seed, b"radiolucent audit patients", "sha256")

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)

    def patient(self, patient: str) -> str:
        """The digest of a patient as the index tells patients apart: PatientID and its issuer around U+001F."""
        found = self._told.get(patient)
        if found is None:
            if len(self._told) >= REMEMBERED:
                self._told.clear()
            found = hmac.digest(self._patients, patient.encode("utf-8", "surrogatepass"), "sha256").hex()[:PATIENT_DIGITS]
            self._told[patient] = found
        return found


def key_name(public: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def is_signed(public: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def open_keys(path: Path) -> Keys:
    """The keys of the file, which is made if it is not there. Unavailable if it is none, or if others can read it; OSError."""
    if not path.exists():
        _make(path)
    if path.stat().st_mode & OTHERS:
        raise Unavailable("The key of the audit trail can be read by others than this service; take that right away (chmod 600)")
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise Unavailable("The key of the audit trail is no Ed25519 private key in PEM without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Unavailable("The key of the audit trail is no Ed25519 key")
    keys = Keys(private)
    public = path.with_suffix(".pub")
    if not public.exists():
        _place(public, keys.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return keys


def read_public(path: Path) -> Ed25519PublicKey:
    """ValueError if the file holds no Ed25519 public key in PEM; OSError."""
    public = load_pem_public_key(path.read_bytes())
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return public


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _place(path, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _place(path: Path, data: bytes) -> None:
    """The file whole and of mode 0600, or the one that another process has made meanwhile."""
    descriptor, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
