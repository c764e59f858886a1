/* SPDX-License-Identifier: MIT
 * io/image_zip.h: a zip of images as NVlabs/edm and StyleGAN read it: uncompressed members
 * 00000/img00000000.png, a thousand per folder, and dataset.json with {"labels": [[name, class],
 * …]} or null, and beside it, which they pass over, "classes": their names. */
#ifndef DUET_IO_IMAGE_ZIP_H
#define DUET_IO_IMAGE_ZIP_H

#include "base/file.h"

/* Images go into the file as they come; their labels wait in memory. */
typedef struct duet_image_zip duet_image_zip;
DUET_NODISCARD duet_status duet_image_zip_open(duet_image_zip **out, const char *path);
DUET_NODISCARD duet_status duet_image_zip_put(duet_image_zip *zip, const duet_bytes *png,
                                              int32_t label);
/* labelled: every label was known and is written. classes: a JSON list of names; NULL = they have
 * none. The same images give the same bytes. Frees the zip in every case. */
DUET_NODISCARD duet_status duet_image_zip_commit(duet_image_zip *zip, bool labelled,
                                                 const char *classes);
void duet_image_zip_abort(duet_image_zip *zip); /* leaves no half file; NULL is accepted */

#endif
