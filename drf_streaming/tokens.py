"""Signed tokens of places in a list."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.utils.encoding import force_bytes

_SALT = "drf_streaming.tokens"


class InvalidToken(ValueError):
    """Refuse a token that was not made for this list."""


class Tokens:
    """Make tokens of values that are for one list only, and read them.

    Shape: `binding` names the list. Anyone who has a token can read its values.
    """

    def __init__(self, binding: str) -> None:
        digest = hashlib.sha256(binding.encode()).hexdigest()
        # Django's, with the rotation of SECRET_KEY; only that one key per row would cost too much.
        self._signer = Signer(salt=f"{_SALT}.{digest}")
        self._encode = msgspec.json.Encoder(decimal_format="string").encode
        salt = b"%bsigner" % force_bytes(self._signer.salt)
        self._key = hashlib.sha256(salt + force_bytes(settings.SECRET_KEY)).digest()

    def make(self, values: Sequence[Any]) -> bytes:
        """Return the token of these values."""
        content = base64.urlsafe_b64encode(self._encode(values)).rstrip(b"=")
        signature = hmac.digest(self._key, content, "sha256")
        # 32 bytes, so one "=" at the end.
        return b"%b:%b" % (content, base64.urlsafe_b64encode(signature)[:-1])

    def read(self, token: str) -> list[Any]:
        """Return the values of a token, as JSON has them.

        Errors: InvalidToken for one that is not of this list.
        """
        try:
            content = self._signer.unsign(token)
        except BadSignature as error:
            raise InvalidToken from error
        padded = content + "=" * (-len(content) % 4)
        values: list[Any] = json.loads(base64.urlsafe_b64decode(padded))
        return values
