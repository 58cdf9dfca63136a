/* SPDX-License-Identifier: Apache-2.0 */
/* Table images in user space; the swap itself is lb_datapath_swap() in datapath.h. */
#ifndef LB_IMAGE_H
#define LB_IMAGE_H

#include "datapath.h"

/* An image without services, in memory of its own. NULL without memory. */
struct lb_image *lb_image_empty(void);

void lb_image_free(struct lb_image *image);

/*
 * Copy an image, which lb_datapath_swap() has judged, into an array of lines that holds several, from line `first` on.
 * Where it tells of lines of its own, the copy tells of lines of the array. All is written when this returns.
 */
void lb_image_place(void *array, u32 first, const void *bytes, size_t length);

#endif
