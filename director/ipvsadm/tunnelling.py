# SPDX-License-Identifier: Apache-2.0
"""Which tunnel options go with which type of tunnel, as a table, and the tunnel that they make.

Pure. A server is asked for its tunnel after all of its options were read.
"""

from __future__ import annotations

from director.ipvsadm.errors import UsageError
from director.ipvsadm.options import Option
from director.ipvsadm.reading import Said
from director.model.service import ForwardingMethod, Tunnel, TunnelChecksum, TunnelType

_CHECKSUMS = {
    Option.TUNNEL_NO_CHECKSUM: TunnelChecksum.NONE,
    Option.TUNNEL_CHECKSUM: TunnelChecksum.CHECKSUM,
    Option.TUNNEL_REMOTE_CHECKSUM: TunnelChecksum.REMOTE,
}
_OPTIONS = (Option.TUNNEL_PORT, *_CHECKSUMS)
_ALLOWED: dict[TunnelType, frozenset[Option]] = {
    TunnelType.IPIP: frozenset(),
    TunnelType.GRE: frozenset({Option.TUNNEL_NO_CHECKSUM, Option.TUNNEL_CHECKSUM}),
    TunnelType.GUE: frozenset(_OPTIONS),
}


def tunnel_of(said: Said) -> Tunnel:
    """Return the tunnel that the options describe, or raise UsageError."""
    given = [option for option in _OPTIONS if option in said.options]
    if said.method is not ForwardingMethod.TUN:
        if given or Option.TUNNEL_TYPE in said.options:
            raise UsageError("Tunnel options conflict with forward method")
        return Tunnel()
    _check(said.tunnel, given)
    checksums = [_CHECKSUMS[option] for option in given if option in _CHECKSUMS]
    return Tunnel(
        said.tunnel,
        said.numbers.get(Option.TUNNEL_PORT, 0),
        checksums[0] if checksums else TunnelChecksum.NONE,
    )


def _check(kind: TunnelType, given: list[Option]) -> None:
    """Look for what is missing or out of place, and then for two checksums at once."""
    of_type = f"the '{kind.value}' tunnel type"
    if kind is TunnelType.GUE and Option.TUNNEL_PORT not in given:
        raise UsageError(f"You need to supply the '{Option.TUNNEL_PORT.value}' option for {of_type}")
    for option in given:
        if option not in _ALLOWED[kind]:
            raise UsageError(f"Illegal '{option.value}' option with {of_type}")
        earlier = [each for each in given[: given.index(option)] if each in _CHECKSUMS]
        if option in _CHECKSUMS and earlier:
            raise UsageError(
                f"The option '{option.value}' conflicts with the '{earlier[0].value}' option in {of_type}"
            )
