/* SPDX-License-Identifier: MIT
 * tests/unit/data/fixtures.h: small data sets written into the test's own folder. */
#ifndef DUET_TEST_DATA_FIXTURES_H
#define DUET_TEST_DATA_FIXTURES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/data.h>

#include "base/file.h"
#include "io/image.h"

#define OK(call)                                                     \
    do {                                                             \
        if ((call) != DUET_OK) fail_msg("%s", duet_error_message()); \
    } while (0)
/* The call fails with this status and its message holds the words. */
#define FAILS(code, words, call)                                       \
    do {                                                               \
        assert_int_equal((call), (code));                              \
        if (strstr(duet_error_message(), (words)) == NULL)             \
            fail_msg("no '%s' in: %s", (words), duet_error_message()); \
    } while (0)

static inline int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at) {
    (void)about, (void)kind, (void)at;
    return remove(path);
}

/* An empty folder of this name. */
static inline void fresh_folder(char out[DUET_PATH_SIZE], const char *name) {
    snprintf(out, DUET_PATH_SIZE, "%s/%s", DUET_TEST_TMP, name);
    nftw(out, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    OK(duet_folder_make(out));
}

/* folder/name, the folders in between made. */
static inline void place(char out[DUET_PATH_SIZE], const char *folder, const char *name) {
    OK(duet_path_join(out, folder, name));
    char parent[DUET_PATH_SIZE];
    memcpy(parent, out, DUET_PATH_SIZE);
    *strrchr(parent, '/') = '\0';
    OK(duet_folder_make(parent));
}

static inline void put_file(const char *folder, const char *name, const void *bytes,
                            int64_t count) {
    char path[DUET_PATH_SIZE];
    place(path, folder, name);
    /* not duet_file_write: its fsync makes hundreds of small files slow */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)count, file), (size_t)count);
    fclose(file);
}

/* PNG of one colour, encoded. */
static inline duet_bytes png_of(int64_t width, int64_t height, uint8_t r, uint8_t g, uint8_t b) {
    duet_image image = {0};
    duet_bytes bytes = {0};
    OK(duet_image_new(&image, width, height, 3));
    for (int64_t i = 0; i < width * height; i++)
        memcpy(image.pixels + 3 * i, (const uint8_t[3]){r, g, b}, 3);
    OK(duet_image_encode_png(&bytes, &image, NULL, 0));
    duet_image_free(&image);
    return bytes;
}

static inline void put_png(const char *folder, const char *name, int64_t side, uint8_t value) {
    duet_bytes bytes = png_of(side, side, value, value, value);
    put_file(folder, name, bytes.data, bytes.size);
    duet_bytes_free(&bytes);
}

/* One ustar member: header of 512 bytes with octal numbers, data padded to 512. */
static inline void put_member(FILE *tar, const char *name, const void *bytes, int64_t count) {
    char head[512] = {0};
    snprintf(head, 100, "%s", name);
    memcpy(head + 100, "0000644", 8);
    memcpy(head + 108, "0000000", 8);
    memcpy(head + 116, "0000000", 8);
    snprintf(head + 124, 12, "%011llo", (unsigned long long)count);
    memcpy(head + 136, "00000000000", 12);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    memset(head + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum & 0777777u);
    assert_int_equal(fwrite(head, 1, 512, tar), 512);
    assert_int_equal(fwrite(bytes, 1, (size_t)count, tar), (size_t)count);
    const size_t rest = (512 - (size_t)count % 512) % 512;
    memset(head, 0, sizeof head);
    assert_int_equal(fwrite(head, 1, rest, tar), rest);
}

/* A link: kind '1' (hard) or '2' (symbolic). */
static inline void put_tar_link(FILE *tar, const char *name, const char *target, char kind) {
    char head[512] = {0};
    snprintf(head, 100, "%s", name);
    memcpy(head + 100, "0000644", 8);
    memcpy(head + 108, "0000000", 8);
    memcpy(head + 116, "0000000", 8);
    memcpy(head + 124, "00000000000", 12);
    memcpy(head + 136, "00000000000", 12);
    head[156] = kind;
    snprintf(head + 157, 100, "%s", target);
    memcpy(head + 257, "ustar\00000", 8);
    memset(head + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum & 0777777u);
    assert_int_equal(fwrite(head, 1, 512, tar), 512);
}

static inline void put_tar_png(FILE *tar, const char *name, uint8_t value) {
    duet_bytes bytes = png_of(8, 8, value, value, value);
    put_member(tar, name, bytes.data, bytes.size);
    duet_bytes_free(&bytes);
}

static inline duet_dataset *open_set(const char *path) {
    duet_dataset *set = NULL;
    OK(duet_dataset_open(NULL, &set, path));
    return set;
}

/* The count of the note that has these words; 0 where there is none. */
static inline int64_t noted(const duet_dataset_note *notes, int count, const char *words) {
    for (int i = 0; i < count; i++)
        if (strstr(notes[i].reason, words) != NULL) return notes[i].count;
    return 0;
}

static inline int64_t left_out(const duet_dataset *set, const char *words) {
    const duet_dataset_info *const info = duet_dataset_describe(set);
    return noted(info->left_out, info->left_out_count, words);
}

static inline int64_t noticed(const duet_dataset *set, const char *words) {
    const duet_dataset_info *const info = duet_dataset_describe(set);
    return noted(info->noticed, info->noticed_count, words);
}

static inline FILE *tar_begin(const char *path) {
    FILE *tar = fopen(path, "wb");
    assert_non_null(tar);
    return tar;
}

static inline void tar_end(FILE *tar) {
    static const char zeros[1024];
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, tar), sizeof zeros);
    fclose(tar);
}

/* The next batch; false at the end. */
static inline bool more_of(duet_source *source, duet_batch *batch) {
    OK(duet_source_next(source, batch));
    return batch->count > 0;
}

/* Removes the files of a folder. */
static inline void empty_folder(const char *folder) {
    duet_listing listing = {0};
    char path[DUET_PATH_SIZE];
    OK(duet_folder_list(&listing, folder));
    for (int64_t i = 0; i < listing.count; i++) {
        OK(duet_path_join(path, folder, listing.name[i]));
        OK(duet_folder_remove_file(path));
    }
    duet_listing_free(&listing);
}

#endif
