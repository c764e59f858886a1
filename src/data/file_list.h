/* SPDX-License-Identifier: MIT
 * data/file_list.h: image files as a data set of one unlabelled split, for the loader. */
#ifndef DUET_DATA_FILE_LIST_H
#define DUET_DATA_FILE_LIST_H

#include <duet/data.h>

/* Row i of the split `test` is paths[i]; the paths are borrowed. Nothing is read here: the loader
 * finds files that are not images. Messages name the file only. */
DUET_NODISCARD duet_status duet_file_list_open(duet_dataset **out, const char *const *paths,
                                               int64_t count);

#endif
