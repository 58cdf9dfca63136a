# SPDX-License-Identifier: Apache-2.0
"""Programs that others have put on an interface are named."""

from __future__ import annotations

import os

import pytest
from director.datapath._native import ffi, lib

from director.datapath.guard import Guard
from director.datapath.strangers import TCX_INGRESS, program_name, tcx_programs
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf"), pytest.mark.lab]


@needs("tcx")
def test_a_program_at_tcx_is_named(joined: Segment) -> None:
    assert tcx_programs(joined.inside) == ()
    guard = Guard.load()
    size = ffi.sizeof("struct bpf_link_create_opts")
    options = ffi.new("struct bpf_link_create_opts *", {"sz": size})
    attach_type = ffi.cast("enum bpf_attach_type", TCX_INGRESS)
    link = lib.bpf_link_create(guard.guard_descriptor, joined.inside, attach_type, options)
    try:
        assert link > 0
        assert tcx_programs(joined.inside) == ("guard",)
    finally:
        os.close(link)
        guard.close()


def test_a_program_that_is_not_there_is_named_by_its_id() -> None:
    assert program_name(0xFFFFFFFE) == "program 4294967294"
