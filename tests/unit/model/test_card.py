# SPDX-License-Identifier: Apache-2.0
"""A peer says by which command it is changed."""

from __future__ import annotations

from director.model.card import Peer


def test_the_command_enters_the_peers_namespace_and_names_it() -> None:
    assert Peer("port1", "ip netns exec far ").command("tx", "off") == (
        "ip netns exec far ethtool -K port1 tx off"
    )
    assert Peer(None).command("gro", "on") == "ethtool -K IFNAME gro on"
