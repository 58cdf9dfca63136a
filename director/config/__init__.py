# SPDX-License-Identifier: Apache-2.0
"""The operator's wish: read, checked, edited, compared and saved; pure except for `file.py`.

Import the module that you need: this one is empty so that a command which only edits does not load pydantic.
"""
