/* SPDX-License-Identifier: MIT
 * data/classes.h: matches the classes of two lists by name, never by number alone. */
#ifndef DUET_DATA_CLASSES_H
#define DUET_DATA_CLASSES_H

#include <duet/base.h>

/* to[i]: the index in `to_names` of the class names[i]; -1 where there is none, or more than one.
 * Identical names take precedence; otherwise case, blanks, '_' and '-' are ignored. */
DUET_NODISCARD duet_status duet_classes_match(int32_t *to, const char *const *names, int count,
                                              const char *const *to_names, int to_count);
/* Whether there are no names, or only "0", "1", … in order, as for layouts without names. */
bool duet_classes_numbered(const char *const *names, int count);
/* "'cat', 'dog', …" of the classes with to[i] == which, or of all where `to` is NULL. */
void duet_classes_list(char *out, size_t size, const char *const *names, int count,
                       const int32_t *to, int32_t which);

#endif
