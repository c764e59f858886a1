/* SPDX-License-Identifier: MIT
 * base/hash.h: 64-bit content hashes for provenance and caches (the XXH64 function; not for
 * security). */
#ifndef DUET_BASE_HASH_H
#define DUET_BASE_HASH_H

#include <duet/base.h>

uint64_t duet_hash(const void *bytes, size_t count, uint64_t seed);
uint64_t duet_hash_text(const char *text, uint64_t seed);

#endif
