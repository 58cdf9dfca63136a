# SPDX-License-Identifier: Apache-2.0
"""From a configuration to the bytes the data path forwards by, and back for those who must read them."""

from director.tables.decode import (
    DecodedDestination,
    DecodedImage,
    DecodedLink,
    DecodedService,
    decode,
    find_service,
)
from director.tables.ids import Assignment, IdRegistry, ServiceIds
from director.tables.image import ImageCompiler, compile_image

__all__ = [
    "Assignment",
    "DecodedDestination",
    "DecodedImage",
    "DecodedLink",
    "DecodedService",
    "IdRegistry",
    "ImageCompiler",
    "ServiceIds",
    "compile_image",
    "decode",
    "find_service",
]
