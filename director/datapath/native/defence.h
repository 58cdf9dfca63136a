/* SPDX-License-Identifier: Apache-2.0 */
/* The defences, as the one who looks after a data path carries them out each second. */
#ifndef LB_DEFENCE_H
#define LB_DEFENCE_H

#include "datapath.h"

/*
 * Say how scarce memory is (0: it is not; else one of so many packets is to be dropped, see defend.h), and with
 * `drop_entries` end half-open connections and some quiet ones in a part of the table that `chance` picks. Returns how
 * many it ended. One thread at a time.
 */
u32 lb_datapath_defend(struct lb_datapath *datapath, u32 rate, int drop_entries, u32 now, u64 chance);

#endif
