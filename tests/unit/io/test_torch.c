/* SPDX-License-Identifier: MIT
 * PyTorch's files, zip and legacy, as torch.save wrote them (make_torch_goldens.py): every tensor
 * has the values of its dense copy, whatever its strides, type and storage; and no cut or flipped
 * byte leads to anything but a clean error or valid values. */
#include "unit/data/fixtures.h"

#include <duet/store.h>

#include "base/mem.h"
#include "base/rng.h"

static void golden(char out[DUET_PATH_SIZE], const char *name) {
    OK(duet_path_join(out, DUET_SOURCE_DIR "/tests/golden", name));
}

static void compare(const char *name) {
    char path[DUET_PATH_SIZE];
    duet_store *file = NULL, *dense = NULL;
    golden(path, name);
    OK(duet_store_open(&file, path));
    golden(path, "torch_values.safetensors");
    OK(duet_store_open(&dense, path));
    assert_int_equal(duet_store_count(file), duet_store_count(dense));
    for (int64_t i = 0; i < duet_store_count(dense); i++) {
        const duet_store_entry *const want = duet_store_at(dense, i), *const have = duet_store_find(
                                                                          file, want->name);
        uint8_t a[4096], b[4096];
        if (have == NULL) fail_msg("%s has no '%s'", name, want->name);
        if (have->dtype != want->dtype || !duet_shape_equal(&have->shape, &want->shape))
            fail_msg("%s: '%s' is another", name, want->name);
        const size_t bytes = (size_t)duet_shape_count(&want->shape) * duet_dtype_size(want->dtype);
        assert_true(bytes <= sizeof a);
        OK(duet_store_read(file, want->name, want->dtype, a));
        OK(duet_store_read(dense, want->name, want->dtype, b));
        if (memcmp(a, b, bytes) != 0) fail_msg("%s: '%s' has other values", name, want->name);
    }
    assert_string_equal(duet_store_metadata(file, "epoch"), "12");
    assert_string_equal(duet_store_metadata(file, "best"), "91.780000000000001");
    assert_string_equal(duet_store_metadata(file, "name"), "grüße");
    assert_string_equal(duet_store_metadata(file, "flag"), "true");
    duet_store_close(file);
    duet_store_close(dense);
}

static void tensors_have_their_values(void **unused) {
    (void)unused;
    compare("torch_zip.pt");
    compare("torch_legacy.pt");
}

/* Opens and reads everything; the number of tensors, or -1 and a message. */
static int64_t read_all(const char *path) {
    duet_store *store = NULL;
    if (duet_store_open(&store, path) != DUET_OK) {
        assert_true(strlen(duet_error_message()) > 10);
        return -1;
    }
    const int64_t count = duet_store_count(store);
    bool failed = false;
    for (int64_t i = 0; i < count; i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        float *values = NULL;
        OK(duet_alloc(&values, duet_shape_count(&entry->shape), sizeof *values));
        failed |= duet_store_read(store, entry->name, DUET_F32, values) != DUET_OK;
        duet_release(values);
    }
    duet_store_close(store);
    return failed ? -1 : count;
}

static void damage(const char *name) {
    char path[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    duet_bytes whole = {0};
    golden(path, name);
    OK(duet_file_read(&whole, path));
    fresh_folder(folder, "torch");
    OK(duet_path_join(path, folder, "damaged.pt"));
    for (int64_t size = 0; size < whole.size; size++) {
        put_file(folder, "damaged.pt", whole.data, size);
        if (read_all(path) >= 0) fail_msg("%s cut to %lld bytes opens", name, (long long)size);
    }
    const duet_rng rng = duet_rng_make(1, "flip", 0);
    for (int64_t i = 0; i < 3000; i++) {
        const uint64_t at = duet_rng_below(rng, (uint64_t)(2 * i), (uint64_t)whole.size);
        const uint8_t old = whole.data[at];
        whole.data[at] ^= (uint8_t)(1 + duet_rng_below(rng, (uint64_t)(2 * i + 1), 255));
        put_file(folder, "damaged.pt", whole.data, whole.size);
        (void)read_all(path); /* may be valid; must not crash, hang or ask for absurd memory */
        whole.data[at] = old;
    }
    duet_bytes_free(&whole);
}

static void damaged_files_fail_cleanly(void **unused) {
    (void)unused;
    damage("torch_zip.pt");
    damage("torch_legacy.pt");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tensors_have_their_values),
                                       cmocka_unit_test(damaged_files_fail_cleanly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
