/* SPDX-License-Identifier: Apache-2.0 */
/* All that the Python extension may call, in one place; *.cdef.h declares it to cffi. */
#ifndef LB_NATIVE_H
#define LB_NATIVE_H

#include "conntable.h"
#include "datapath.h"
#include "defence.h"
#include "guard.h"
#include "image.h"
#include "rates.h"
#include "sync.h"
#include "try.h"
#include "worker.h"

#endif
