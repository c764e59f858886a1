/* SPDX-License-Identifier: MIT
 * data/dataset/files.h: which of the files in a folder or archive are images of the set: by their
 * extensions and, where these do not tell, by their first bytes. Other files are counted
 * (dataset.h). */
#ifndef DUET_DATA_FILES_H
#define DUET_DATA_FILES_H

#include "data/dataset/dataset.h"

typedef enum duet_files_say { DUET_FILES_NO, DUET_FILES_YES, DUET_FILES_LOOK } duet_files_say;

/* LOOK: the first bytes decide. NO: the file has been counted as left out. */
duet_files_say duet_files_wants(duet_dataset *dataset, const char *name);
/* Decides by the first bytes; where the answer is false, the file has been counted. */
bool duet_files_wants_bytes(duet_dataset *dataset, const char *name, const uint8_t *bytes,
                            int64_t size);
/* Whether a file or folder is hidden, or was added by macOS. */
bool duet_files_hidden(const char *name);
/* Counts a link in an archive or folder that cannot be followed. */
void duet_files_bad_link(duet_dataset *dataset, const char *name);

#endif
