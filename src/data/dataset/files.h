/* SPDX-License-Identifier: MIT
 * data/dataset/files.h: which of the files in a folder or an archive are the images of the set: by
 * their endings, and where these do not tell, by their first bytes. What is not is counted
 * (dataset.h). */
#ifndef DUET_DATA_FILES_H
#define DUET_DATA_FILES_H

#include "data/dataset/dataset.h"

typedef enum duet_files_say { DUET_FILES_NO, DUET_FILES_YES, DUET_FILES_LOOK } duet_files_say;

/* LOOK: the bytes decide. NO has been counted. */
duet_files_say duet_files_wants(duet_dataset *dataset, const char *name);
/* The decision by the bytes; false has been counted. */
bool duet_files_wants_bytes(duet_dataset *dataset, const char *name, const uint8_t *bytes,
                            int64_t size);
/* A file or folder that is hidden, or that macOS has put beside the files. */
bool duet_files_hidden(const char *name);
/* A link inside of an archive or folder that cannot be followed. */
void duet_files_bad_link(duet_dataset *dataset, const char *name);

#endif
