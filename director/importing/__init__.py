# SPDX-License-Identifier: Apache-2.0
"""Other programs' files to our services: pure parsers, and what each could not take over, by line.

The room stands on the app floor, since saved rules of ipvsadm are its command lines. No input or output here.
"""
