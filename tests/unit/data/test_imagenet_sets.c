/* SPDX-License-Identifier: MIT
 * ImageNet-1k with flat validation images and each of the lists of their classes,
 * Tiny-ImageNet-200, STL-10 and its unlabelled rows, the coarse labels of CIFAR-100, classes in the
 * names of files. */
#include "unit/data/official_fixtures.h"

#include "data/view.h"

/* The name and label of a row. */
static void assert_label(const duet_dataset *set, duet_split split, int64_t index, const char *name,
                         int32_t label) {
    char text[300];
    duet_dataset_row_name(set, split, index, text, sizeof text);
    assert_string_equal(text, name);
    assert_int_equal(duet_dataset_label(set, split, index), label);
}

/* ---- ImageNet-1k ---- */

/* Three classes; validation images 1 and 2 are of the second and of the first. */
static void put_imagenet(const char *base) {
    static const char *const files[] = {
        "train/n01440764/n01440764_1.JPEG",   "train/n01440764/n01440764_2.JPEG",
        "train/n02012849/n02012849_1.JPEG",   "train/n03126707/n03126707_1.JPEG",
        "val/ILSVRC2012_val_00000001.JPEG",   "val/ILSVRC2012_val_00000002.JPEG",
        "test/ILSVRC2012_test_00000001.JPEG",
    };
    fresh_folder(dir, "imagenet");
    for (int i = 0; i < DUET_COUNT(files); i++) {
        char name[200];
        snprintf(name, sizeof name, "%s%s", base, files[i]);
        put_png(dir, name, 4, (uint8_t)(10 * i));
    }
}

static void check_imagenet(void) {
    duet_dataset *const set = open_set(dir);
    assert_set(set, "imagenet", 4, 2, 1, 3);
    assert_label(set, DUET_TRAIN, 1, "train/n01440764/n01440764_2.JPEG", 0);
    assert_label(set, DUET_TRAIN, 3, "train/n03126707/n03126707_1.JPEG", 2);
    assert_label(set, DUET_VAL, 0, "val/ILSVRC2012_val_00000001.JPEG", 1);
    assert_label(set, DUET_VAL, 1, "val/ILSVRC2012_val_00000002.JPEG", 0);
    assert_label(set, DUET_TEST, 0, "test/ILSVRC2012_test_00000001.JPEG", -1);
    duet_dataset_close(set);
}

static void solution_of_kaggle(void **state) {
    (void)state;
    put_imagenet("ILSVRC/Data/CLS-LOC/");
    put_text("LOC_val_solution.csv",
             "ImageId,PredictionString\n"
             "ILSVRC2012_val_00000001,n02012849 85 1 499 272\n"
             "ILSVRC2012_val_00000002,n01440764 1 2 3 4 n01440764 5 6 7 8\n");
    put_text("LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn02012849 crane\n"
                                       "n03126707 crane\n");
    check_imagenet();
    duet_dataset *const set = open_set(dir);
    const char *const *const names = duet_dataset_describe(set)->class_names;
    assert_string_equal(names[0], "tench"); /* words that differ are brief, others have the id */
    assert_string_equal(names[1], "crane (n02012849)");
    assert_string_equal(names[2], "crane (n03126707)");
    duet_dataset_close(set);
}

static void synsets_and_labels(void **state) {
    (void)state;
    put_imagenet("");
    put_text("imagenet_2012_validation_synset_labels.txt", "n02012849\nn01440764\n");
    check_imagenet();
    drop("imagenet_2012_validation_synset_labels.txt");
    put_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\nILSVRC2012_val_00000002.JPEG 0\n");
    check_imagenet();
    put_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\nILSVRC2012_val_00000002.JPEG 3\n");
    refused("", DUET_FORMAT, "'val.txt' has a class of 'ILSVRC2012_val_00000002.JPEG' that");
    drop("val.txt");
    duet_dataset *const set = open_set(dir); /* no list at all */
    assert_set(set, "imagenet", 4, 2, 1, 3);
    assert_label(set, DUET_VAL, 0, "val/ILSVRC2012_val_00000001.JPEG", -1);
    assert_int_equal(noticed(set, "validation images without a list of classes"), 2);
    assert_string_equal(duet_dataset_describe(set)->class_names[2], "n03126707");
    duet_dataset_close(set);
}

/* The development kit's numbers are not those of sorted ids. */
static void development_kit(void **state) {
    (void)state;
    static const char *const fields[] = {"ILSVRC2012_ID", "WNID"}, *const ids[] = {
                                                                       "n03126707", "n01440764",
                                                                       "n02012849", "n00001740"};
    static const int numbers[] = {1, 2, 3, 1001};
    mat_maker mat;
    put_imagenet("");
    put_text("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", "3\n2\n");
    refused("", DUET_NOT_FOUND, "meta.mat, which is missing");
    mat_begin(&mat, false);
    const int64_t array = mat_structs(&mat, "synsets", fields, 2, 4);
    for (int i = 0; i < 4; i++) {
        mat_whole(&mat, numbers[i]);
        mat_text(&mat, "", ids[i]);
    }
    mat_close(&mat, array);
    mat_pack(&mat, 128);
    put_mat("ILSVRC2012_devkit_t12/data/meta.mat", &mat);
    check_imagenet();
    put_text("ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", "3\n1001\n");
    refused("", DUET_FORMAT,
            "line 2 of 'ILSVRC2012_validation_ground_truth.txt' has no known class");
}

/* Validation images in folders of classes stay an image_folder. */
static void folders_of_classes(void **state) {
    (void)state;
    fresh_folder(dir, "imagenet_folders");
    put_png(dir, "train/n01440764/a.JPEG", 4, 1);
    put_png(dir, "train/n02012849/b.JPEG", 4, 2);
    put_png(dir, "val/n02012849/ILSVRC2012_val_00000001.JPEG", 4, 3);
    duet_dataset *set = open_set(dir);
    assert_set(set, "image_folder", 2, 1, 0, 2);
    assert_int_equal(duet_dataset_label(set, DUET_VAL, 0), 1);
    duet_dataset_close(set);
    put_text("LOC_val_solution.csv", "ImageId,PredictionString\n"
                                     "ILSVRC2012_val_00000001,n02012849 85 1 499 272\n");
    set = open_set(dir);
    assert_set(set, "imagenet", 2, 1, 0, 2);
    assert_label(set, DUET_VAL, 0, "val/n02012849/ILSVRC2012_val_00000001.JPEG", 1);
    duet_dataset_close(set);
}

/* ---- Tiny-ImageNet-200 ---- */

static void tiny_imagenet(void **state) {
    (void)state;
    fresh_folder(dir, "tiny-imagenet-200");
    put_text("wnids.txt", "n02124075\nn01443537\n");
    put_text("words.txt", "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\n"
                          "n02124075\tEgyptian cat\n");
    put_text("val/val_annotations.txt", "val_0.JPEG\tn02124075\t0\t32\t44\t62\n"
                                        "val_1.JPEG\tn01443537\t1\t2\t3\t4\n");
    put_text("train/n01443537/n01443537_boxes.txt", "n01443537_0.JPEG\t0\t10\t63\t58\n");
    put_png(dir, "train/n01443537/images/n01443537_0.JPEG", 4, 10);
    put_png(dir, "train/n02124075/images/n02124075_0.JPEG", 4, 20);
    put_png(dir, "val/images/val_0.JPEG", 4, 30);
    put_png(dir, "val/images/val_1.JPEG", 4, 40);
    put_png(dir, "test/images/test_0.JPEG", 4, 50);
    duet_dataset *const set = open_set(dir);
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_set(set, "tiny_imagenet", 2, 2, 1, 2);
    assert_string_equal(info->class_names[0], "goldfish");
    assert_string_equal(info->class_names[1], "Egyptian cat");
    assert_label(set, DUET_TRAIN, 1, "train/n02124075/images/n02124075_0.JPEG", 1);
    assert_label(set, DUET_VAL, 0, "val/images/val_0.JPEG", 1);
    assert_label(set, DUET_VAL, 1, "val/images/val_1.JPEG", 0);
    assert_label(set, DUET_TEST, 0, "test/images/test_0.JPEG", -1);
    duet_dataset_close(set);
    put_text("val/val_annotations.txt", "val_0.JPEG\tn02124076\t0\t32\t44\t62\n");
    refused("", DUET_FORMAT,
            "line 1 of 'val/val_annotations.txt' has the unknown class 'n02124076");
    put_text("wnids.txt", "n02124075\ncat\n");
    refused("", DUET_FORMAT, "'cat' is no WordNet id");
}

/* ---- STL-10 ---- */

enum { SIDE = 96, RECORD = 3 * SIDE * SIDE };

/* Images whose first pixel column is 200 + i in red; everything else is i. */
static void put_stl(const char *name, int count) {
    uint8_t *bytes = calloc((size_t)count, RECORD);
    for (int i = 0; i < count; i++) {
        memset(bytes + i * RECORD, i, RECORD);
        memset(bytes + i * RECORD, 200 + i, SIDE);
    }
    put_file(dir, name, bytes, (int64_t)count * RECORD);
    free(bytes);
}

static void put_stl10(void) {
    fresh_folder(dir, "stl10_binary");
    put_stl("train_X.bin", 2);
    put_stl("unlabeled_X.bin", 3);
    put_stl("test_X.bin", 1);
    put_file(dir, "train_y.bin", "\x0A\x01", 2);
    put_file(dir, "test_y.bin", "\x02", 1);
}

static void stl10(void **state) {
    (void)state;
    const duet_preprocess how = {.size = SIDE, .channels = 3};
    static uint8_t pixels[RECORD];
    put_stl10();
    duet_dataset *set = open_set(dir);
    const duet_dataset_info *const info = duet_dataset_describe(set);
    assert_set(set, "stl10", 5, 0, 1, 10);
    assert_string_equal(info->class_names[9], "truck");
    for (int i = 0; i < 5; i++)
        assert_int_equal(duet_dataset_label(set, DUET_TRAIN, i), i == 0 ? 9 : i == 1 ? 0 : -1);
    assert_int_equal(duet_dataset_label(set, DUET_TEST, 0), 1);
    assert_int_equal(noticed(set, "images of the split train that have no class"), 3);
    OK(duet_dataset_read(set, DUET_TRAIN, 4, &how, pixels)); /* unlabeled_X.bin, image 2 */
    for (int p = 0; p < SIDE * SIDE; p++) {
        assert_int_equal(pixels[3 * p], p % SIDE == 0 ? 202 : 2);
        assert_int_equal(pixels[3 * p + 1], 2);
    }
    duet_dataset_close(set);
    set = open_spec("stl10:unlabelled=false:");
    assert_set(set, "stl10", 2, 0, 1, 10);
    duet_dataset_close(set);
    put_file(dir, "train_y.bin", "\x0A\x0B", 2);
    refused("", DUET_FORMAT, "label 1 of 'train_y.bin' is 11; labels are 1 to 10");
    put_file(dir, "train_y.bin", "\x0A", 1);
    refused("", DUET_FORMAT, "'train_y.bin' has 1 labels for 2 images");
    put_stl10();
    put_file(dir, "unlabeled_X.bin", "truncated", 9);
    refused("", DUET_FORMAT, "'unlabeled_X.bin' has 9 bytes, not a multiple of the 27648");
}

/* Heads read the rows that have a class. */
static void rows_with_a_class(void **state) {
    (void)state;
    put_stl10();
    duet_dataset *set = open_set(dir);
    duet_view view = {0};
    OK(duet_view_all(&view, set, DUET_TRAIN));
    assert_int_equal(view.count, 5);
    duet_view_keep_labelled(&view, set);
    assert_int_equal(view.count, 2);
    assert_int_equal(view.index[1], 1);
    duet_view_free(&view);
    duet_dataset_close(set);
    drop("train_y.bin");
    drop("test_y.bin");
    set = open_set(dir);
    assert_false(duet_dataset_describe(set)->labelled);
    OK(duet_view_all(&view, set, DUET_TRAIN));
    duet_view_keep_labelled(&view, set); /* there is none: all stay */
    assert_int_equal(view.count, 5);
    duet_view_free(&view);
    duet_dataset_close(set);
}

/* ---- CIFAR-100 ---- */

static void coarse_labels(void **state) {
    (void)state;
    uint8_t record[2 * 3074] = {11, 98};
    record[3074] = 19;
    record[3075] = 0;
    fresh_folder(dir, "cifar-100-binary");
    put_file(dir, "train.bin", record, sizeof record);
    put_file(dir, "test.bin", record, 3074);
    put_text("fine_label_names.txt", "apple\n");
    char names[20 * 8 + 1] = "";
    for (int i = 0; i < 20; i++)
        snprintf(names + 8 * i, sizeof names - 8 * (size_t)i, "big_%03d\n", i);
    put_text("coarse_label_names.txt", names);
    duet_dataset *set = open_set(dir);
    assert_set(set, "cifar_bin", 2, 0, 1, 100);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 98);
    duet_dataset_close(set);
    set = open_spec("cifar_bin:label=coarse:");
    assert_set(set, "cifar_bin", 2, 0, 1, 20);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 11);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 1), 19);
    assert_string_equal(duet_dataset_describe(set)->class_names[19], "big_019");
    duet_dataset_close(set);
    snprintf(dir, sizeof dir, "%s", DUET_SOURCE_DIR "/tests/golden/sets/cifar-100-python");
    set = open_spec("cifar_py:label=coarse:");
    assert_set(set, "cifar_py", 3, 0, 2, 20);
    duet_dataset_close(set);
    snprintf(dir, sizeof dir, "cifar_py:label=coarse:%s",
             DUET_SOURCE_DIR "/tests/golden/sets/cifar-10-batches-py");
    refused("", DUET_ARG, "CIFAR-10 has no coarse labels");
}

/* ---- classes in names ---- */

static void prefixes(void **state) {
    (void)state;
    fresh_folder(dir, "cifar_train");
    put_png(dir, "dog_00001.png", 4, 1);
    put_png(dir, "dog_00002.png", 4, 2);
    put_png(dir, "10_00003.png", 4, 3);
    put_png(dir, "9_00004.png", 4, 4);
    duet_dataset *set = open_set(dir);
    assert_false(duet_dataset_describe(set)->labelled);
    assert_int_equal(noticed(set, "words before '_'"), 0); /* as many classes as images */
    duet_dataset_close(set);
    put_png(dir, "9_00005.png", 4, 5);
    put_png(dir, "10_00006.png", 4, 6);
    set = open_set(dir);
    assert_int_equal(noticed(set, "words before '_'"), 3);
    duet_dataset_close(set);
    set = open_spec("prefix_folder:");
    assert_set(set, "prefix_folder", 6, 0, 0, 3);
    assert_string_equal(duet_dataset_describe(set)->class_names[0], "10"); /* by bytes */
    assert_label(set, DUET_TRAIN, 5, "dog_00002.png", 2);
    duet_dataset_close(set);
    put_png(dir, "train/cat_1.png", 4, 1);
    put_png(dir, "test/dog_1.png", 4, 2);
    set = open_spec("prefix_folder:");
    assert_set(set, "prefix_folder", 1, 0, 1, 2);
    assert_label(set, DUET_TEST, 0, "test/dog_1.png", 1);
    duet_dataset_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solution_of_kaggle), cmocka_unit_test(synsets_and_labels),
        cmocka_unit_test(development_kit),    cmocka_unit_test(folders_of_classes),
        cmocka_unit_test(tiny_imagenet),      cmocka_unit_test(stl10),
        cmocka_unit_test(rows_with_a_class),  cmocka_unit_test(coarse_labels),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
