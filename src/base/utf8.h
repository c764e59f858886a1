/* SPDX-License-Identifier: MIT
 * base/utf8.h: names in one form. Files may be named by any bytes, and the same letters come in
 * two forms of Unicode (macOS composes them otherwise); what is compared, printed and written to
 * JSON is UTF-8 in the form NFC. */
#ifndef DUET_BASE_UTF8_H
#define DUET_BASE_UTF8_H

#include "base/mem.h"

bool duet_utf8_is(const char *text);
/* A copy that names can be compared by: NFC where it is UTF-8, else the bytes as they are. */
char *duet_utf8_same(duet_arena *arena, const char *text);
/* A copy to be shown: NFC; a byte that is no UTF-8 becomes \xNN. */
char *duet_utf8_shown(duet_arena *arena, const char *text);
/* Writes a code point as UTF-8 and returns its bytes, at most 4; what is none becomes U+FFFD. */
int duet_utf8_put(char *out, uint32_t code);
/* The bytes that duet_text_shown (duet/base.h) wrote as \xNN again, in place. */
void duet_text_unshown(char *text);

#endif
