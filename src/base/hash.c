/* SPDX-License-Identifier: MIT
 * base/hash.c: the XXH64 function (its published specification): four lanes over 32-byte stripes,
 * then the tail in steps of 8, 4 and 1 bytes, then an avalanche. Values are the same on every
 * machine: words are read little-endian. */
#include "base/hash.h"

#include <string.h>

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

static uint64_t read_64(const uint8_t *p) {
    uint64_t x = 0;
    for (int i = 7; i >= 0; i--) x = (x << 8) | p[i];
    return x;
}

static uint64_t read_32(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

static uint64_t mix(uint64_t lane, uint64_t word) {
    return rotate(lane + word * P2, 31) * P1;
}

static uint64_t merge(uint64_t hash, uint64_t lane) {
    return (hash ^ mix(0, lane)) * P1 + P4;
}

static uint64_t avalanche(uint64_t hash) {
    hash = (hash ^ (hash >> 33)) * P2;
    hash = (hash ^ (hash >> 29)) * P3;
    return hash ^ (hash >> 32);
}

uint64_t duet_hash(const void *bytes, size_t count, uint64_t seed) {
    const uint8_t *p = bytes;
    size_t left = count;
    uint64_t hash = seed + P5;
    if (left >= 32) {
        uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
        for (; left >= 32; left -= 32, p += 32) {
            a = mix(a, read_64(p));
            b = mix(b, read_64(p + 8));
            c = mix(c, read_64(p + 16));
            d = mix(d, read_64(p + 24));
        }
        hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
        hash = merge(merge(merge(merge(hash, a), b), c), d);
    }
    hash += (uint64_t)count;
    for (; left >= 8; left -= 8, p += 8) hash = rotate(hash ^ mix(0, read_64(p)), 27) * P1 + P4;
    if (left >= 4) {
        hash = rotate(hash ^ (read_32(p) * P1), 23) * P2 + P3;
        left -= 4;
        p += 4;
    }
    for (; left > 0; left--, p++) hash = rotate(hash ^ (*p * P5), 11) * P1;
    return avalanche(hash);
}

uint64_t duet_hash_text(const char *text, uint64_t seed) {
    return duet_hash(text, strlen(text), seed);
}
