/* SPDX-License-Identifier: MIT
 * fuzz/target.h: a fuzz target reads `size` bytes as hostile input and returns; it is one program
 * under libFuzzer (preset `fuzz`), and one that replays and mutates files where the compiler has
 * none (replay.c). */
#ifndef DUET_TESTS_FUZZ_TARGET_H
#define DUET_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Path of a file in memory with these bytes, the same at each call; readers open files by path,
 * some map them. */
const char *fuzz_file(const uint8_t *data, size_t size);
/* A folder, the same at each call, in which that file has each of these names; it goes when the
 * program ends. */
const char *fuzz_folder(const char *file, const char *const *names, int count);

#endif
