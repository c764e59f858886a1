/* SPDX-License-Identifier: MIT
 * io/image_zip.h: a zip of images as NVlabs/edm and StyleGAN read it: uncompressed members
 * 00000/img00000000.png, a thousand per folder, and dataset.json with {"labels": [[name, class],
 * …]} or null, and beside it, which they pass over, "classes": their names. */
#ifndef DUET_IO_IMAGE_ZIP_H
#define DUET_IO_IMAGE_ZIP_H

#include "base/file.h"

/* labels: one per image, all known; NULL = none. classes: a JSON list of names; NULL = they have
 * none. The same images give the same bytes. Atomic. */
DUET_NODISCARD duet_status duet_image_zip_write(const char *path, const duet_bytes *png,
                                                const int32_t *labels, const char *classes,
                                                int64_t count);

#endif
