/* SPDX-License-Identifier: MIT
 * data/view.h: what the library does with views beside duet/data.h. */
#ifndef DUET_DATA_VIEW_H
#define DUET_DATA_VIEW_H

#include <duet/data.h>

/* Drops the rows without a class, in place; none where no row has one: heads are trained and
 * measured on what is left. */
void duet_view_keep_labelled(duet_view *view, const duet_dataset *dataset);

#endif
