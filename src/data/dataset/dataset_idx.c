/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_idx.c: IDX files, the format of MNIST and its relatives, plain or compressed
 * with gzip (http://yann.lecun.com/exdb/mnist). Big-endian: 00 00 08 RANK, RANK sizes of 4 bytes,
 * then u8 values; images [count,H,W] or [count,H,W,3], labels [count]. Names:
 * train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte, and so on; a single images file is a set too,
 * with the labels file beside it when there is one. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/dataset.h"
#include "data/split.h"

typedef struct idx_part {
    duet_bytes file;
    const uint8_t *pixels;
    int64_t height, width;
    int channels;
} idx_part;

typedef struct idx_state {
    idx_part part[DUET_SPLIT_COUNT];
} idx_state;

typedef struct idx_name {
    bool images; /* otherwise labels */
    int split;   /* -1: unknown from the name */
} idx_name;

/* "[...train-]images-idx3-ubyte[.gz]", in any case; '.' and '-' are the same in front of idx. */
static bool parse_name(idx_name *out, const char *name) {
    char text[256];
    if (name[0] == '.' || !duet_copy_text(text, sizeof text, name)) return false;
    for (char *p = text; *p != '\0'; p++) *p = duet_lower(*p);
    const char *const images = strstr(text, "images"), *const labels = strstr(text, "labels");
    const char *const role = images != NULL ? images : labels;
    if (role == NULL || (role[6] != '-' && role[6] != '.') || strncmp(role + 7, "idx", 3) != 0)
        return false;
    duet_split split = DUET_TRAIN;
    text[role - text] = '\0'; /* the prefix is kept */
    out->images = images != NULL;
    out->split = strstr(text, "t10k") != NULL       ? DUET_TEST
                 : duet_split_in_name(&split, text) ? (int)split
                 : strstr(text, "train") != NULL    ? DUET_TRAIN
                 : strstr(text, "test") != NULL     ? DUET_TEST
                 : strstr(text, "val") != NULL      ? DUET_VAL
                                                    : -1;
    return true;
}

static int idx_detect(const char *path) {
    idx_name name;
    if (!duet_path_is_folder(path)) {
        if (parse_name(&name, duet_path_base(path))) return 90;
        duet_map map;
        if (duet_map_open(&map, path) != DUET_OK) return 0;
        const bool magic = map.size > 16 && memcmp(map.data, "\0\0\x08\x03", 4) == 0;
        duet_map_close(&map);
        return magic ? 80 : 0;
    }
    duet_listing list = {0};
    if (duet_folder_list(&list, path) != DUET_OK) return 0;
    bool found = false;
    for (int64_t i = 0; i < list.count; i++)
        found = found || (parse_name(&name, list.name[i]) && name.images && name.split >= 0);
    duet_listing_free(&list);
    return found ? 90 : 0;
}

static int64_t big_endian(const uint8_t *p) {
    return (int64_t)p[0] << 24 | (int64_t)p[1] << 16 | (int64_t)p[2] << 8 | (int64_t)p[3];
}

/* Reads a file and checks rank and size; sizes[rank] out, `*body` = first value. */
static duet_status read_idx(duet_bytes *out, const uint8_t **body, int64_t sizes[4], int *rank,
                            const char *path, bool images) {
    duet_status status = DUET_OK;
    duet_bytes file = {0};
    const char *base = duet_path_base(path);
    DUET_DO(duet_file_read_gz(&file, path, 0));
    if (file.size < 4 || file.data[0] != 0 || file.data[1] != 0)
        DUET_FAIL(DUET_FORMAT, "'%s' is not an IDX file", base);
    if (file.data[2] != 8)
        DUET_FAIL(DUET_UNSUPPORTED, "'%s' has IDX type 0x%02x; only 0x08 (bytes) is supported",
                  base, file.data[2]);
    *rank = file.data[3];
    if (images ? (*rank != 3 && *rank != 4) : *rank != 1) {
        DUET_FAIL(DUET_FORMAT, "'%s' has %d dimensions; %s have %s", base, *rank,
                  images ? "images" : "labels", images ? "3 or 4" : "1");
    }
    const int64_t head = 4 + 4 * (int64_t)*rank;
    if (file.size < head)
        DUET_FAIL(DUET_FORMAT, "'%s' is truncated: %lld bytes, the header alone has %lld", base,
                  (long long)file.size, (long long)head);
    int64_t need = 1;
    for (int i = 0; i < *rank; i++) {
        sizes[i] = big_endian(file.data + 4 + 4 * i);
        if (sizes[i] == 0 || sizes[i] > (i == 0 ? INT32_MAX : 65500) ||
            need > INT64_MAX / sizes[i]) {
            DUET_FAIL(DUET_FORMAT, "'%s' has a size of %lld in its header", base,
                      (long long)sizes[i]);
        }
        need *= sizes[i];
    }
    if (file.size - head != need) {
        DUET_FAIL(DUET_FORMAT, "'%s' %s: its header promises %lld bytes of data, the file has %lld",
                  base, file.size - head < need ? "is truncated" : "is too long", (long long)need,
                  (long long)(file.size - head));
    }
    *body = file.data + head;
    *out = file;
    file = (duet_bytes){0};
done:
    duet_bytes_free(&file);
    return status;
}

static duet_status open_images(duet_dataset *dataset, duet_split split, const char *path) {
    idx_part *part = &((idx_state *)dataset->state)->part[split];
    int64_t sizes[4] = {0};
    int rank = 0;
    DUET_TRY(read_idx(&part->file, &part->pixels, sizes, &rank, path, true));
    part->height = sizes[1];
    part->width = sizes[2];
    part->channels = rank == 4 ? (int)sizes[3] : 1;
    if (part->channels != 1 && part->channels != 3) {
        return duet_fail(DUET_UNSUPPORTED, "'%s' has %d channels; 1 and 3 are supported",
                         duet_path_base(path), part->channels);
    }
    dataset->info.count[split] = sizes[0];
    dataset->info.hash = duet_hash(part->file.data, (size_t)part->file.size, dataset->info.hash);
    return DUET_OK;
}

static duet_status open_labels(duet_dataset *dataset, duet_split split, const char *images,
                               const char *path) {
    duet_status status = DUET_OK;
    duet_bytes file = {0};
    const uint8_t *body = NULL;
    int64_t sizes[4] = {0};
    int rank = 0;
    DUET_DO(read_idx(&file, &body, sizes, &rank, path, false));
    const int64_t count = dataset->info.count[split];
    if (sizes[0] != count) {
        DUET_FAIL(DUET_FORMAT, "'%s' has %lld images but '%s' has %lld labels",
                  duet_path_base(images), (long long)count, duet_path_base(path),
                  (long long)sizes[0]);
    }
    int32_t *labels = duet_arena_alloc(dataset->arena, count, sizeof *labels);
    DUET_DO(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < count; i++) {
        labels[i] = body[i];
        if (labels[i] >= dataset->info.class_count) dataset->info.class_count = labels[i] + 1;
    }
    dataset->labels[split] = labels;
    dataset->info.labelled = true;
done:
    duet_bytes_free(&file);
    return status;
}

/* The two files of each split, "" where there is none. */
typedef struct idx_paths {
    char images[DUET_SPLIT_COUNT][DUET_PATH_SIZE], labels[DUET_SPLIT_COUNT][DUET_PATH_SIZE];
} idx_paths;

static duet_status find_in_folder(duet_dataset *dataset, idx_paths *paths, const char *folder) {
    duet_status status = DUET_OK;
    duet_listing list = {0};
    DUET_DO(duet_folder_list(&list, folder));
    for (int64_t i = 0; i < list.count; i++) {
        idx_name name;
        if (!parse_name(&name, list.name[i])) continue;
        if (name.split < 0) {
            duet_dataset_left_out(dataset, false, "IDX files whose name tells no split",
                                  list.name[i], "give such a file itself, or name it train-…");
            continue;
        }
        char *slot = name.images ? paths->images[name.split] : paths->labels[name.split];
        if (slot[0] != '\0') {
            const char *other = duet_path_base(slot);
            const size_t length = strlen(other);
            if (strncmp(list.name[i], other, length) == 0 &&
                strcmp(list.name[i] + length, ".gz") == 0)
                continue; /* the compressed twin of a file */
            DUET_FAIL(DUET_ARG,
                      "several IDX files of one kind, '%s' and '%s'; give the images file itself",
                      other, list.name[i]);
        }
        DUET_DO(duet_path_join(slot, folder, list.name[i]));
    }
done:
    duet_listing_free(&list);
    return status;
}

/* x-images-idx3-ubyte.gz -> x-labels-idx1-ubyte.gz, when that exists (packed or not). */
static void find_beside(idx_paths *paths, duet_split split, const char *path) {
    char text[DUET_PATH_SIZE];
    duet_copy_text(paths->images[split], DUET_PATH_SIZE, path);
    duet_copy_text(text, sizeof text, path);
    char *images = strstr(text + (duet_path_base(text) - text), "images");
    if (images == NULL) return;
    memcpy(images, "labels", 6);
    if (images[6] != '\0' && strncmp(images + 7, "idx", 3) == 0 && images[10] != '\0')
        images[10] = '1';
    if (duet_ends_with(text, ".gz") && !duet_path_exists(text)) {
        text[strlen(text) - 3] = '\0';
    } else if (!duet_path_exists(text) && strlen(text) + 4 < sizeof text) {
        memcpy(text + strlen(text), ".gz", 4);
    }
    if (duet_path_exists(text)) duet_copy_text(paths->labels[split], DUET_PATH_SIZE, text);
}

static duet_status name_classes(duet_dataset *dataset, const char *path) {
    static const char *const clothes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                          "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                          "Bag",         "Ankle boot"};
    char full[DUET_PATH_SIZE];
    DUET_TRY(duet_path_absolute(full, path));
    for (char *p = full; *p != '\0'; p++) *p = duet_lower(*p);
    /* The folder itself, or the folder and name of a single file. */
    char *last = strrchr(full, '/'), *from = full;
    if (last != NULL && last != full && !duet_path_is_folder(path)) {
        *last = '\0';
        char *parent = strrchr(full, '/');
        *last = '/';
        from = parent != NULL ? parent : full;
    } else if (last != NULL) {
        from = last;
    }
    const bool fashion = strstr(from, "fashion") != NULL && dataset->info.class_count == 10;
    return duet_dataset_name_classes(dataset, fashion ? clothes : NULL, dataset->info.class_count);
}

static duet_status idx_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)ctx, (void)options;
    duet_status status = DUET_OK;
    idx_paths *paths = NULL;
    DUET_DO(duet_alloc(&dataset->state, 1, sizeof(idx_state)));
    DUET_DO(duet_alloc(&paths, 1, sizeof *paths));
    if (duet_path_is_folder(path)) {
        DUET_DO(find_in_folder(dataset, paths, path));
    } else {
        idx_name name = {.images = true, .split = -1};
        if (parse_name(&name, duet_path_base(path)) && !name.images) {
            DUET_FAIL(DUET_ARG, "'%s' holds labels; give the images file or the folder", path);
        }
        find_beside(paths, name.split >= 0 ? (duet_split)name.split : DUET_TRAIN, path);
    }
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        if (paths->images[s][0] != '\0') {
            DUET_DO(open_images(dataset, (duet_split)s, paths->images[s]));
            if (paths->labels[s][0] != '\0')
                DUET_DO(open_labels(dataset, (duet_split)s, paths->images[s], paths->labels[s]));
        } else if (paths->labels[s][0] != '\0') {
            DUET_FAIL(DUET_NOT_FOUND, "'%s' has no images file beside it",
                      duet_path_base(paths->labels[s]));
        }
    }
    if (dataset->info.labelled) DUET_DO(name_classes(dataset, path));
done:
    duet_release(paths);
    return status;
}

static void idx_close(duet_dataset *dataset) {
    idx_state *state = dataset->state;
    if (state == NULL) return;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) duet_bytes_free(&state->part[s].file);
    duet_release(state);
}

static duet_status idx_read(const duet_dataset *dataset, duet_split split, int64_t index,
                            int channels, duet_image *out) {
    const idx_part *part = &((const idx_state *)dataset->state)->part[split];
    const uint8_t *pixels = part->pixels + index * part->height * part->width * part->channels;
    return duet_dataset_pixels(out, pixels, part->height, part->width, part->channels, channels);
}

const duet_dataset_layout duet_dataset_idx = {
    .info = {.name = "idx",
             .help = "IDX files of MNIST, Fashion-MNIST and relatives, gzip'ed or not",
             .params = DUET_TABLE_EMPTY},
    .detect = idx_detect,
    .open = idx_open,
    .close = idx_close,
    .read = idx_read,
    .inner = true,
};
