/* SPDX-License-Identifier: MIT
 * data/dataset/lines.h: the text lists that data sets come with: a row a line, its first word the
 * key, the rest what is said about it. */
#ifndef DUET_DATA_LINES_H
#define DUET_DATA_LINES_H

#include <duet/base.h>

typedef struct duet_line {
    const char *key, *rest; /* rest: without the blanks around it; "" = nothing */
    int64_t number;         /* of the line in its file, from 1 */
} duet_line;

typedef struct duet_lines {
    const char *name; /* of the file, as given */
    char *text;
    duet_line *line;
    int64_t count, capacity;
    int64_t *sorted; /* the lines by key */
} duet_lines;

/* The whole of a list, with a NUL; DUET_FORMAT where it is no text (a web page, a Git LFS pointer,
 * an archive). */
DUET_NODISCARD duet_status duet_list_text(char **out, const char *path);
/* The lines of folder/name but empty ones and those that begin with '#'. `name` is borrowed. */
DUET_NODISCARD duet_status duet_lines_read(duet_lines *out, const char *folder, const char *name);
/* The same with the whole line as key. */
DUET_NODISCARD duet_status duet_lines_read_whole(duet_lines *out, const char *folder,
                                                 const char *name);
/* The line of a key, NULL where there is none. hint: where it is looked for first; lists of one set
 * are mostly in the same order. */
const duet_line *duet_lines_find(const duet_lines *lines, const char *key, int64_t hint);
/* The whole number that a text begins with, up to a blank; false where it is none. */
bool duet_line_whole(int64_t *out, const char *text);
/* The `count` numbers, up to a million in size, that a text begins with; false where it does not.
 */
bool duet_line_numbers(double *out, int count, const char *text);
void duet_lines_free(duet_lines *lines);

#endif
