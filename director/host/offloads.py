# SPDX-License-Identifier: Apache-2.0
"""Which offloads of an interface change the frames that the data path sees; best effort, and only read.

Nothing depends on it: it is told to the operator, who may know why a frame was larger than the link's MTU.
"""

from __future__ import annotations

from enum import Enum

from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool


class Offload(Enum):
    """An offload by ethtool's name for the feature."""

    GRO = "rx-gro"
    GRO_HW = "rx-gro-hw"
    LRO = "rx-lro"
    TSO = "tx-tcp-segmentation"
    CHECKSUM = "tx-checksum-ip-generic"


def offloads(interface: str) -> frozenset[Offload]:
    """Tell which of them are on; none where the interface does not say."""
    asking = IoctlEthtool(interface)
    try:
        features = asking.get_features()
        known = frozenset(features.keys())
        return frozenset(one for one in Offload if one.value in known and features[one.value])
    except (OSError, EthtoolError):
        return frozenset()
    finally:
        asking.close()
