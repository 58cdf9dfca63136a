# SPDX-License-Identifier: Apache-2.0
"""What a driver can do for XDP, as the kernel tells it (the netdev family, from Linux 6.3 on); only read.

An older kernel does not say, and nothing is guessed from its version: attaching the program will tell.
"""

from __future__ import annotations

from pyroute2.netlink import NLM_F_REQUEST, genlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from director.model.card import XdpFeature

DEVICE_GET = 1


class _DeviceMessage(genlmsg):  # type: ignore[misc] # pyroute2 has no types
    nla_map = (
        ("NETDEV_A_DEV_UNSPEC", "none"),
        ("NETDEV_A_DEV_IFINDEX", "uint32"),
        ("NETDEV_A_DEV_PAD", "none"),
        ("NETDEV_A_DEV_XDP_FEATURES", "uint64"),
    )


def xdp_features(index: int) -> frozenset[XdpFeature] | None:
    """Tell what an interface's driver does for XDP; None where the kernel does not say."""
    message = _DeviceMessage()
    message["cmd"], message["version"] = DEVICE_GET, 1
    message["attrs"] = [("NETDEV_A_DEV_IFINDEX", index)]
    try:
        with GenericNetlinkSocket() as asking:
            asking.bind("netdev", _DeviceMessage)
            (answer, *_) = asking.nlm_request(message, msg_type=asking.prid, msg_flags=NLM_F_REQUEST)
    except (NetlinkError, OSError):
        return None
    bits = answer.get_attr("NETDEV_A_DEV_XDP_FEATURES") or 0
    return frozenset(one for one in XdpFeature if bits & one.value)
