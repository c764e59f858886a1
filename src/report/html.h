/* SPDX-License-Identifier: MIT
 * report/html.h: one self-contained page: skeleton and style sheet, escaping, pictures as base64.
 */
#ifndef DUET_REPORT_HTML_H
#define DUET_REPORT_HTML_H

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

void duet_html_head(duet_str *out, const char *title);
void duet_html_foot(duet_str *out);
/* Text for element content and quoted attributes: & < > " ' are escaped, control characters and
 * bytes that are not UTF-8 become U+FFFD. */
void duet_html_text(duet_str *out, const char *text);
/* The same as a string of the arena; NULL and failures give "". */
const char *duet_html_escape(duet_arena *arena, const char *text);

/* A PNG file as it is: only signature and the size in its header are looked at. */
typedef struct duet_html_picture {
    duet_bytes file;
    int64_t width, height;
} duet_html_picture;
DUET_NODISCARD duet_status duet_html_picture_read(duet_html_picture *out, const char *path);
void duet_html_picture_free(duet_html_picture *picture);
/* The width it is shown at: the largest whole multiple of its own that fits into `room`, or all the
 * room where that would leave a quarter of it empty. Enlarged pictures keep hard pixel edges. */
int64_t duet_html_picture_width(const duet_html_picture *picture, int64_t room);
/* `id` (or NULL) lets duet_html_picture_again show it a second time without a second copy of the
 * bytes. */
void duet_html_picture_add(duet_str *out, const duet_html_picture *picture, const char *id,
                           const char *alt, int64_t room);
void duet_html_picture_again(duet_str *out, const duet_html_picture *picture, const char *id,
                             const char *alt, int64_t room);

#endif
