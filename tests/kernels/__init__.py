# SPDX-License-Identifier: Apache-2.0
"""Other kernels than this machine's, booted to run the tests that depend on the kernel."""
