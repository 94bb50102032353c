"""BlockList: addresses whose connections a server closes."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

from forebay._core.representation import represent
from forebay.errors import InvalidArgValueError

__all__ = ["BlockList"]

_Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class BlockList:
    """A set of IP addresses, ranges and subnets. Calling it with an address returns whether the address is in the set.

    Give it to `create_server` as ``block_list``, which also takes any function of an address.
    """

    def __init__(self) -> None:
        self._addresses: set[_Ip] = set()
        self._ranges: list[tuple[_Ip, _Ip]] = []
        self._subnets: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []

    def __repr__(self) -> str:
        return represent(
            self,
            lambda: f"addresses {len(self._addresses)},",
            lambda: f"ranges {len(self._ranges)},",
            lambda: f"subnets {len(self._subnets)}",
        )

    def add_address(self, address: str) -> None:
        """Add one address.

        Args:
            address: An IPv4 or IPv6 address.

        Raises:
            InvalidArgValueError: It is not an address.
        """
        self._addresses.add(_ip("address", address))

    def add_range(self, start: str, end: str) -> None:
        """Add a range of addresses.

        Args:
            start: The first address.
            end: The last address, inclusive.

        Raises:
            InvalidArgValueError: One of them is not an address, or ``start`` is after ``end``.
        """
        first, last = _ip("start", start), _ip("end", end)
        if first.version != last.version or int(first) > int(last):
            raise InvalidArgValueError(f"start must not be after end, got {start!r} and {end!r}")
        self._ranges.append((first, last))

    def add_subnet(self, network: str, prefix: int | None = None) -> None:
        """Add a subnet: ``("192.0.2.0", 24)`` or ``("192.0.2.0/24")``.

        Args:
            network: The address of the network.
            prefix: The length of the prefix in bits. None if ``network`` has it.

        Raises:
            InvalidArgValueError: It is not a subnet.
        """
        text = network if prefix is None else f"{network}/{prefix}"
        try:
            self._subnets.append(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise InvalidArgValueError(f"network {text!r}: {error}") from None

    def check(self, address: str) -> bool:
        """Return whether an address is in the set. An IPv4 address in its IPv6 form counts as the IPv4 address.

        Args:
            address: An IPv4 or IPv6 address.
        """
        ip = _ip("address", address.partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None)
        if mapped is not None:
            ip = mapped
        return (
            ip in self._addresses
            or any(
                first.version == ip.version and int(first) <= int(ip) <= int(last)
                for first, last in self._ranges
            )
            or any(network.version == ip.version and ip in network for network in self._subnets)
        )

    __call__ = check


def _ip(name: str, address: str) -> _Ip:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        raise InvalidArgValueError(f"{name} must be an IP address, got {address!r}") from None
