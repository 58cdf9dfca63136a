# SPDX-License-Identifier: Apache-2.0
"""The director's companion on a real server: takes a VIP silently, unwraps, proves, undoes."""
