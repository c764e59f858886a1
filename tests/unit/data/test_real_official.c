/* SPDX-License-Identifier: MIT
 * The official layouts on the original lists ($DUET_DATA/annotations) and, of Flowers-102 and of 50
 * classes of CUB-200-2011, on the images: all rows are counted, and where folders of the data say
 * split and class, each row is compared with them. */
#include "unit/data/official_fixtures.h"

#include <unistd.h>

#include "data/dataset/lines.h"
#include "io/tar.h"

static char root[DUET_PATH_SIZE];

/* root/name; skips the test when it is not there. */
static void real_path(char out[DUET_PATH_SIZE], const char *name) {
    OK(duet_path_join(out, root, name));
    if (!duet_path_exists(out)) {
        print_message("skipped: no '%s'\n", out);
        skip();
    }
}

/* Copies root/annotations/folder/file into dir/to. */
static void copy_list(const char *folder, const char *file, const char *to) {
    char name[300], path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    snprintf(name, sizeof name, "annotations/%s/%s", folder, file);
    real_path(path, name);
    OK(duet_file_read(&bytes, path));
    snprintf(name, sizeof name, "%s%s", to, file);
    put_file(dir, name, bytes.data, bytes.size);
    duet_bytes_free(&bytes);
}

/* A file of a tar as dir/name. Of 64 files that lie beside each other one is written, the others
 * are further names of it, which is much faster: rows are compared here, not pictures. */
static void put_one(const char *name, const duet_bytes *bytes, int64_t nth) {
    static char first[DUET_PATH_SIZE];
    char path[DUET_PATH_SIZE];
    OK(duet_path_join(path, dir, name));
    if (nth % 512 != 0) {
        if (link(first, path) == 0) return;
        place(path, dir, name); /* a new folder */
        assert_int_equal(link(first, path), 0);
        return;
    }
    put_file(dir, name, bytes->data, bytes->size);
    memcpy(first, path, sizeof first);
}

/* Of the flowers every fourth is unpacked; files are slow to make. */
static bool is_wanted(const char *name) {
    static const char flower[] = "image_0";
    const char *const base = duet_path_base(name);
    return strncmp(base, flower, strlen(flower)) != 0 || atoi(base + strlen("image_")) % 4 == 1;
}

/* Unpacks a tar into dir: SPLIT/CLASS/FILE as to/CLASS/FILE, or to/FILE. lists: every file is
 * written. */
static int64_t unpack(const char *name, const char *to, bool class, bool lists) {
    char path[DUET_PATH_SIZE];
    duet_tar *tar = NULL;
    const char *member = NULL;
    duet_bytes bytes = {0};
    int64_t count = 0;
    real_path(path, name);
    OK(duet_tar_open(&tar, path));
    OK(duet_tar_next(tar, &member, &bytes, 1 << 26));
    while (member != NULL) {
        const char *const rest = class ? strchr(member, '/') + 1 : duet_path_base(member);
        snprintf(path, sizeof path, "%s%s", to, rest);
        if (is_wanted(path)) {
            put_one(path, &bytes, lists ? 0 : count);
            count++;
        }
        duet_bytes_free(&bytes);
        OK(duet_tar_next(tar, &member, &bytes, 1 << 26));
    }
    duet_tar_close(tar);
    return count;
}

static void assert_listed(const duet_dataset *set, const char *name, int64_t train, int64_t val,
                          int64_t test, int classes) {
    const int64_t expected[] = {train, val, test};
    const duet_dataset_info *const info = duet_dataset_describe(set);
    duet_official official;
    duet_dataset_official(&official, set);
    assert_string_equal(official.name, name);
    assert_int_equal(official.expected_classes, classes);
    assert_int_equal(info->class_count, classes);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        assert_int_equal(official.expected[s], expected[s]);
        assert_int_equal(info->count[s] + official.missing[s], expected[s]);
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "SPLIT CLASS FILE" of all rows, sorted; class: its name, or the number of its label from 1. */
static char **list_rows(const duet_dataset *set, int64_t *count, bool number) {
    const duet_dataset_info *const info = duet_dataset_describe(set);
    char **rows = calloc((size_t)(info->count[0] + info->count[1] + info->count[2]), sizeof *rows);
    *count = 0;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        for (int64_t i = 0; i < info->count[s]; i++) {
            char name[500], text[1000], class[20];
            const int32_t label = duet_dataset_label(set, (duet_split)s, i);
            snprintf(class, sizeof class, "%03d", label + 1);
            duet_dataset_row_name(set, (duet_split)s, i, name, sizeof name);
            if (!is_wanted(name)) continue;
            snprintf(text, sizeof text, "%s %s %s", s == DUET_TRAIN ? "train" : "other",
                     number ? class : info->class_names[label], duet_path_base(name));
            rows[(*count)++] = strdup(text);
        }
    }
    qsort(rows, (size_t)*count, sizeof *rows, by_text);
    return rows;
}

/* The rows of the set in dir are those of the tar, whose folders are splits and classes. */
static void assert_same_rows(const char *tar, bool number) {
    char path[DUET_PATH_SIZE];
    int64_t count = 0, others = 0;
    real_path(path, tar);
    duet_dataset *const set = open_set(dir), *const folders = open_set(path);
    char **const rows = list_rows(set, &count, number),
                 **const other = list_rows(folders, &others, number);
    assert_int_equal(count, others);
    for (int64_t i = 0; i < count; i++) {
        assert_string_equal(rows[i], other[i]);
        free(rows[i]);
        free(other[i]);
    }
    free(rows);
    free(other);
    duet_dataset_close(set);
    duet_dataset_close(folders);
}

static void flowers(void **state) {
    (void)state;
    static const char tar[] = "flowers102/flowers102_64px.tar";
    fresh_folder(dir, "flowers-102");
    copy_list("flowers102", "imagelabels.mat", "");
    copy_list("flowers102", "setid.mat", "");
    assert_int_equal(unpack(tar, "jpg/", false, false), 2048);
    duet_dataset *const set = open_set(dir);
    assert_listed(set, "Oxford 102 Flowers", 1020, 1020, 6149, 102);
    assert_string_equal(duet_dataset_describe(set)->class_names[50], "petunia");
    duet_dataset_close(set);
    assert_same_rows(tar, true);
}

static void cub(void **state) {
    (void)state;
    static const char *const lists[] = {"images.txt", "image_class_labels.txt",
                                        "train_test_split.txt", "classes.txt",
                                        "bounding_boxes.txt"};
    static const char tar[] = "cub50/cub50_80px.tar";
    fresh_folder(dir, "CUB_200_2011");
    for (int i = 0; i < DUET_COUNT(lists); i++) copy_list("cub_200_2011", lists[i], "");
    assert_int_equal(unpack(tar, "images/", true, false), 2889);
    duet_dataset *const set = open_set(dir), *const boxes = open_spec("cub:boxes=true:");
    assert_listed(set, "CUB-200-2011", 5994, 0, 5794, 200);
    assert_int_equal(duet_dataset_describe(set)->count[DUET_TRAIN], 1500);
    assert_int_equal(left_out(set, "whose file is missing"), 8899);
    assert_int_equal(noticed(set, "that no list of the set names"), 0);
    assert_int_equal(noticed(set, "classes without an image"), 150);
    duet_dataset_close(boxes);
    duet_dataset_close(set);
    assert_same_rows(tar, false);
}

static void cars(void **state) {
    (void)state;
    static const char *const lists[] = {"cars_meta.mat", "cars_train_annos.mat",
                                        "cars_test_annos.mat"};
    fresh_folder(dir, "stanford_cars");
    for (int i = 0; i < DUET_COUNT(lists); i++)
        copy_list("stanford_cars/devkit", lists[i], "devkit/");
    put_png(dir, "cars_train/00001.jpg", 4, 10);
    put_png(dir, "cars_train/08144.jpg", 4, 20);
    put_png(dir, "cars_test/08041.jpg", 4, 30);
    duet_dataset *const set = open_set(dir);
    assert_listed(set, "Stanford Cars", 8144, 0, 8041, 196);
    /* by SciPy: classes 14 and 17 */
    assert_row(set, DUET_TRAIN, 0, "cars_train/00001.jpg", "Audi TTS Coupe 2012", 10);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 13);
    assert_row(set, DUET_TRAIN, 1, "cars_train/08144.jpg", "Audi 100 Sedan 1994", 20);
    assert_row(set, DUET_TEST, 0, "cars_test/08041.jpg", NULL, 30);
    duet_dataset_close(set);
}

/* An image of each class. */
static void nabirds(void **state) {
    (void)state;
    duet_lines images = {0}, labels = {0};
    bool seen[1011] = {false};
    int64_t class = 0, pictures = 0;
    fresh_folder(dir, "nabirds");
    assert_int_equal(unpack("annotations/nabirds/nabirds_annotations.tar.gz", "", false, true), 7);
    OK(duet_lines_read(&images, dir, "images.txt"));
    OK(duet_lines_read(&labels, dir, "image_class_labels.txt"));
    for (int64_t i = 0; i < labels.count; i++) {
        char name[300];
        assert_true(duet_line_whole(&class, labels.line[i].rest) && class >= 0 && class < 1011);
        if (seen[class]) continue;
        seen[class] = true;
        snprintf(name, sizeof name, "images/%s",
                 duet_lines_find(&images, labels.line[i].key, -1)->rest);
        duet_bytes picture = png_of(4, 4, 1, 2, 3);
        put_one(name, &picture, pictures++);
        duet_bytes_free(&picture);
    }
    duet_dataset *const set = open_set(dir), *const species = open_spec("nabirds:label=species:");
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_listed(set, "NABirds", 23929, 0, 24633, 555);
    assert_listed(species, "NABirds", 23929, 0, 24633, 404);
    assert_string_equal(info->class_names[0], "Common Eider (Adult male)");
    assert_string_equal(info->class_names[554], "Dark-eyed Junco (Red-backed/Gray-headed)");
    assert_int_equal(info->count[DUET_TRAIN] + info->count[DUET_TEST], 555);
    /* the folder of an image is the number of its class: labels keep their order */
    int last = -1, number[555] = {0};
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        for (int64_t i = 0; i < info->count[s]; i++) {
            char name[300];
            duet_dataset_row_name(set, (duet_split)s, i, name, sizeof name);
            number[duet_dataset_label(set, (duet_split)s, i)] = atoi(name + strlen("images/"));
        }
    }
    for (int c = 0; c < 555; c++) {
        assert_true(number[c] > last);
        last = number[c];
    }
    duet_dataset_close(species);
    duet_dataset_close(set);
    duet_lines_free(&images);
    duet_lines_free(&labels);
}

int main(void) {
    const char *given = getenv("DUET_DATA");
    snprintf(root, sizeof root, "%s", given != NULL ? given : DUET_SOURCE_DIR "/../shared/data");
    if (!duet_path_is_folder(root)) {
        printf("skipped: no real data sets at '%s'; set DUET_DATA to their folder\n", root);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flowers),
        cmocka_unit_test(cub),
        cmocka_unit_test(cars),
        cmocka_unit_test(nabirds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
