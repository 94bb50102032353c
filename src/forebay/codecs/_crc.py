"""The CRC-32 of two pieces of data on end, from those of the two."""

from __future__ import annotations

from functools import cache

__all__ = ["combine_crc32"]

# The polynomial of CRC-32, its lowest power in the highest bit.
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


def combine_crc32(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of data whose last ``size`` bytes have the CRC-32 ``second``, and those before them ``first``."""
    return _multiply(_power_of_x(8 * size), first) ^ second


def _multiply(a: int, b: int) -> int:
    """Multiply two polynomials modulo that of CRC-32."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


@cache
def _square_of_x(times: int) -> int:
    """Return x, squared this many times."""
    if times == 0:
        return _X
    root = _square_of_x(times - 1)
    return _multiply(root, root)


def _power_of_x(exponent: int) -> int:
    power = _ONE
    times = 0
    while exponent:
        if exponent & 1:
            power = _multiply(_square_of_x(times), power)
        exponent >>= 1
        times += 1
    return power
