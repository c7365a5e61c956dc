"""Distinguish public IP addresses from private ones, so that a URL cannot reach the internal network."""

import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052, well-known prefix
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")  # RFC 3056
_TEREDO = ipaddress.IPv6Network("2001::/32")  # RFC 4380
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291: all addresses that IANA assigns


def is_public(address: str) -> bool:
    """Return True if packets to this address go to the public internet.

    False for IPv4 and IPv6 addresses that are loopback, private, link-local (which includes the metadata and
    credentials services), shared, multicast or reserved, and for text that is not an address. An IPv6 address that
    contains an IPv4 address (mapped, 6to4, NAT64) is public if the IPv4 address is. Teredo addresses are never public,
    because they obfuscate the IPv4 address.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        inside = _wrapped(ip)
        if inside is None:
            return ip in _GLOBAL_UNICAST and ip not in _TEREDO and ip.is_global and not ip.is_multicast
        ip = inside
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _wrapped(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _SIX_TO_FOUR:
        return ip.sixtofour
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None
