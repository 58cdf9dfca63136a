# SPDX-License-Identifier: Apache-2.0
"""The control API: HTTP and JSON on a unix socket, its server and its client.

Import the module that you need: this one is empty so that the client starts without loading the server.
"""
