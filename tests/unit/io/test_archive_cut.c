/* SPDX-License-Identifier: MIT
 * Files that are cut off say how many bytes they have and how many they should have, as far as they
 * can tell: zip archives with the sizes before their members (numpy) and behind them (PyTorch), the
 * list at their end, PyTorch's older files, and arrays. */
#include "unit/data/fixtures.h"

#include <duet/store.h>

#include "io/archive_cut.h"

#define GOLDEN(name) DUET_SOURCE_DIR "/tests/golden/" name

static char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];

/* The first bytes of a golden file, as a file. */
static void cut(const duet_bytes *bytes, int64_t size, const char *name) {
    put_file(folder, name, bytes->data, size);
    OK(duet_path_join(path, folder, name));
}

static void refused(const char *golden, int64_t size, const char *name, const char *words) {
    duet_bytes bytes = {0};
    duet_store *store = NULL;
    OK(duet_file_read(&bytes, golden));
    cut(&bytes, size < 0 ? bytes.size + size : size, name);
    FAILS(DUET_FORMAT, words, duet_store_open(&store, path));
    duet_bytes_free(&bytes);
}

static void members_of_known_sizes(void **unused) {
    (void)unused;
    refused(GOLDEN("numpy_arrays.npz"), 100, "a.npz",
            "damaged or cut-off zip archive: the file has 100 bytes, but member 'f4.npy' reaches "
            "to byte 148; fetch it again");
    refused(GOLDEN("numpy_arrays.npz"), -1, "a.npz",
            "the file has 3172 bytes and ends in the list of its members");
}

static void members_of_unknown_sizes(void **unused) {
    (void)unused;
    refused(GOLDEN("torch_zip.pt"), 2500, "a.pt",
            "the file has 2500 bytes and ends in member 'torch_zip/data/0', which begins at byte "
            "2432; fetch it again");
}

/* Whatever is missing, the size is told, but of a whole archive nothing. */
static void every_truncation_has_its_size(void **unused) {
    (void)unused;
    static const char *const golden[] = {GOLDEN("numpy_arrays.npz"), GOLDEN("torch_zip.pt")};
    for (int i = 0; i < DUET_COUNT(golden); i++) {
        duet_bytes bytes = {0};
        char out[400], want[64];
        OK(duet_file_read(&bytes, golden[i]));
        for (int64_t size = 5; size < bytes.size; size += 7) {
            cut(&bytes, size, "cut");
            duet_archive_cut(out, sizeof out, path);
            snprintf(want, sizeof want, "the file has %lld bytes", (long long)size);
            if (!strstr(out, want)) fail_msg("cut to %d: '%s'", (int)size, out);
        }
        duet_archive_cut(out, sizeof out, golden[i]);
        assert_string_equal(out, "");
        memcpy(bytes.data, "none", 4);
        cut(&bytes, 100, "cut");
        duet_archive_cut(out, sizeof out, path);
        assert_string_equal(out, "");
        duet_bytes_free(&bytes);
    }
    duet_archive_cut(path, sizeof path, "no such file");
    assert_string_equal(path, "");
}

static void other_files(void **unused) {
    (void)unused;
    static const char npy[] = "\x93NUMPY\1\0v\0{'descr': '<f4'";
    duet_store *store = NULL;
    refused(GOLDEN("torch_legacy.pt"), 100, "b.pt", "wanted at byte 100, and 0 are there");
    refused(GOLDEN("torch_legacy.pt"), -10, "b.pt",
            "it has 3586 bytes, and that begins at byte 3580");
    put_file(folder, "a.npy", npy, sizeof npy - 1);
    OK(duet_path_join(path, folder, "a.npy"));
    FAILS(DUET_FORMAT, "the file has 25 bytes, not 128", duet_store_open(&store, path));
}

static int make_folder(void **unused) {
    (void)unused;
    fresh_folder(folder, "archive-cut");
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_known_sizes),
        cmocka_unit_test(members_of_unknown_sizes),
        cmocka_unit_test(every_truncation_has_its_size),
        cmocka_unit_test(other_files),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
