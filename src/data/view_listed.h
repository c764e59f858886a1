/* SPDX-License-Identifier: MIT
 * data/view_listed.h: rows of a view by a list of their names. */
#ifndef DUET_DATA_VIEW_LISTED_H
#define DUET_DATA_VIEW_LISTED_H

#include <duet/data.h>

/* Sorted by index; rules at duet_view_labels. */
DUET_NODISCARD duet_status duet_view_listed(duet_view *out, const duet_dataset *dataset,
                                            const duet_view *in, const char *path,
                                            duet_labels_listed *listed);

#endif
