/* SPDX-License-Identifier: MIT
 * data/classes.h: classes of two lists by their names, never by their numbers alone. */
#ifndef DUET_DATA_CLASSES_H
#define DUET_DATA_CLASSES_H

#include <duet/base.h>

/* to[i]: the place in `to_names` of the class called names[i], -1 where there is none, or more than
 * one. Equal names go first; else case, blanks, '_' and '-' do not count. */
DUET_NODISCARD duet_status duet_classes_match(int32_t *to, const char *const *names, int count,
                                              const char *const *to_names, int to_count);
/* No names are given, or they are "0", "1", … in order: what a layout without names has. */
bool duet_classes_numbered(const char *const *names, int count);
/* "'cat', 'dog', …" of the classes with to[i] == which; to NULL: of all of them. */
void duet_classes_list(char *out, size_t size, const char *const *names, int count,
                       const int32_t *to, int32_t which);

#endif
