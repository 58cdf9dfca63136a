# SPDX-License-Identifier: Apache-2.0
"""The data paths: the code that carries packets, and the way to load, feed and read it."""
