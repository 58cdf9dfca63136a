# SPDX-License-Identifier: Apache-2.0
"""What the eBPF programs cost per packet, as the kernel's test runs (BPF_PROG_TEST_RUN) tell.

Unlike the bench, this measures inside: it compiles the data paths' programs into measuring ones and drives
them over the director's own tables, without a driver, a stack or a network around them.
"""
