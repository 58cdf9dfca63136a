# SPDX-License-Identifier: Apache-2.0
"""The tests of the whole project; a package, so that every room's tests can ask `tests.needs`."""
