"""Packed answers, unpacked no further than their limit."""

from __future__ import annotations

import zlib

from musekit.kernel.outbound.errors import Interrupted

#: What requests say they accept.
ACCEPTED = "gzip, deflate"


class Decoder:
    """Unpacks gzip, or deflate with zlib's header or without it."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    def decode(self, data: bytes, most: int) -> bytes:
        """Return what the data unpacks to; at most one byte more than `most`.

        Raises:
            Interrupted: the data is damaged.
        """
        try:
            try:
                found = self._zlib.decompress(data, most + 1)
            except zlib.error:
                if self._begun:
                    raise
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
                found = self._zlib.decompress(data, most + 1)
        except zlib.error:
            raise Interrupted("the answer's encoding is damaged") from None
        self._begun = True
        return found

    def check_end(self) -> None:
        """Raise `Interrupted` if the packed data is cut short."""
        if self._begun and not self._zlib.eof:
            raise Interrupted("the answer's encoding is damaged")


def decoder_for(encoding: str) -> Decoder | None:
    """Return the decoder of a Content-Encoding; None where there is nothing to unpack.

    Raises:
        Interrupted: an encoding that was not asked for.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return Decoder()
    raise Interrupted("the answer has an encoding that was not asked for")
