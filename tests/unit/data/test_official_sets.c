/* SPDX-License-Identifier: MIT
 * The official layouts of fine-grained data sets on small fixtures in their own formats: rows,
 * splits, labels, names; other levels of labels; boxes; missing and unlisted images; damaged
 * lists. */
#include "unit/data/official_fixtures.h"

/* ---- CUB-200-2011 ---- */

/* Three classes, of which the last but one has no image; ids are out of order in one list. */
static void put_cub(void) {
    fresh_folder(dir, "CUB_200_2011");
    put_text("images.txt", "1 001.Crow/a.jpg\n2 001.Crow/b.jpg\n3 003.Tern/c.jpg\n"
                           "4 003.Tern/d.jpg\n");
    put_text("image_class_labels.txt", "1 1\n2 1\n4 3\n3 3\n");
    put_text("train_test_split.txt", "1 0\r\n2 1\r\n3 1\r\n4 0\r\n");
    put_text("classes.txt", "1 001.Crow\n2 002.Gull\n3 003.Tern\n");
    put_text("bounding_boxes.txt", "1 0.0 0.0 4.0 4.0\n2 2.0 1.0 5.0 3.0\n3 6.0 6.0 40.0 40.0\n"
                                   "4 50.0 50.0 3.0 3.0\n");
    put_png(dir, "images/001.Crow/a.jpg", 8, 10);
    put_png(dir, "images/001.Crow/b.jpg", 8, 20);
    put_png(dir, "images/003.Tern/c.jpg", 8, 30);
    put_png(dir, "images/003.Tern/d.jpg", 8, 40);
}

static void cub(void **state) {
    (void)state;
    put_cub();
    duet_dataset *set = open_set(dir);
    const uint64_t hash = duet_dataset_describe(set)->hash;
    assert_set(set, "cub", 2, 0, 2, 2);
    assert_row(set, DUET_TRAIN, 0, "images/001.Crow/b.jpg", "001.Crow", 20);
    assert_row(set, DUET_TRAIN, 1, "images/003.Tern/c.jpg", "003.Tern", 30);
    assert_row(set, DUET_TEST, 0, "images/001.Crow/a.jpg", "001.Crow", 10);
    assert_row(set, DUET_TEST, 1, "images/003.Tern/d.jpg", "003.Tern", 40);
    assert_int_equal(duet_dataset_describe(set)->noticed_count, 0);
    duet_dataset_close(set);
    /* one folder above, as the archive unpacks */
    char inner[DUET_PATH_SIZE], outer[DUET_PATH_SIZE];
    memcpy(inner, dir, sizeof inner);
    fresh_folder(outer, "cub_root");
    OK(duet_path_join(dir, outer, "CUB_200_2011"));
    assert_int_equal(rename(inner, dir), 0);
    memcpy(dir, outer, sizeof dir);
    set = open_set(dir);
    assert_set(set, "cub", 2, 0, 2, 2);
    assert_true(duet_dataset_describe(set)->hash == hash);
    duet_dataset_close(set);
}

static void boxes(void **state) {
    (void)state;
    put_cub();
    duet_dataset *const set = open_spec("cub:boxes=true:"), *const plain = open_set(dir);
    const duet_preprocess how = {.size = 2, .channels = 1};
    uint8_t pixels[4];
    /* 5 x 3 of 8 x 8, and 2 x 2 where the box leads out of the image */
    assert_int_equal(duet_dataset_describe(set)->width, 5);
    assert_int_equal(duet_dataset_describe(set)->height, 3);
    assert_true(duet_dataset_describe(set)->varied);
    assert_row(set, DUET_TRAIN, 1, "images/003.Tern/c.jpg", "003.Tern", 30);
    FAILS(DUET_SHAPE,
          "nothing of the image of 8 x 8 pixels lies in the rectangle of 3 x 3 at (50, 50)",
          duet_dataset_read(set, DUET_TEST, 1, &how, pixels));
    assert_int_equal(duet_error_cause(), DUET_CAUSE_BAD_IMAGE);
    assert_true(duet_dataset_describe(set)->hash != duet_dataset_describe(plain)->hash);
    duet_dataset_close(set);
    duet_dataset_close(plain);
}

static void missing_and_unlisted(void **state) {
    (void)state;
    char path[DUET_PATH_SIZE];
    duet_official official;
    put_cub();
    drop("images/003.Tern/d.jpg");
    put_png(dir, "images/001.Crow/more.jpg", 8, 1);
    put_png(dir, "images/loose.png", 8, 1);
    put_text("images/notes.txt", "no image\n");
    duet_dataset *set = open_set(dir);
    assert_set(set, "cub", 2, 0, 1, 2);
    assert_int_equal(left_out(set, "whose file is missing"), 1);
    assert_int_equal(noticed(set, "images that no list of the set names"), 2);
    duet_dataset_official(&official, set);
    assert_string_equal(official.name, "CUB-200-2011");
    assert_false(official.complete);
    assert_int_equal(official.expected[DUET_TRAIN], 5994);
    assert_int_equal(official.expected_classes, 200);
    assert_int_equal(official.missing[DUET_TRAIN], 0);
    assert_int_equal(official.missing[DUET_TEST], 1);
    assert_string_equal(official.example[DUET_TEST][0], "images/003.Tern/d.jpg");
    assert_null(official.example[DUET_TEST][1]);
    duet_dataset_close(set);
    OK(duet_path_join(path, dir, "images"));
    char away[DUET_PATH_SIZE];
    OK(duet_path_join(away, dir, "away"));
    assert_int_equal(rename(path, away), 0);
    refused("", DUET_NOT_FOUND, "nor one of the others that its lists name (4 images)");
}

static void damaged_lists(void **state) {
    (void)state;
    put_cub();
    put_text("image_class_labels.txt", "1 1\n2 1\n4 3\n");
    refused("", DUET_FORMAT, "'image_class_labels.txt' has no line for '3'");
    put_text("image_class_labels.txt", "1 1\n2 1\n4 3\n3 x\n");
    refused("", DUET_FORMAT, "line 4 of 'image_class_labels.txt' has no number");
    put_text("image_class_labels.txt", "1 1\n2 1\n4 3\n3 9\n");
    refused("", DUET_FORMAT, "'classes.txt' has no line for '9'");
    put_cub();
    put_text("train_test_split.txt", "");
    refused("", DUET_FORMAT, "the list 'train_test_split.txt' is empty");
    put_text("train_test_split.txt", "<!DOCTYPE html><html>");
    refused("", DUET_FORMAT, "'train_test_split.txt': it is not a list but an HTML page");
    put_cub();
    put_text("images.txt", "1 ../a.jpg\n2 b.jpg\n3 c.jpg\n4 d.jpg\n");
    refused("", DUET_FORMAT, "'images/../a.jpg', which is no image of the set");
    put_cub();
    put_text("bounding_boxes.txt", "1 0 0 4\n2 0 0 1 1\n3 0 0 1 1\n4 0 0 1 1\n");
    refused("cub:boxes=true:", DUET_FORMAT, "line 1 of 'bounding_boxes.txt' is not 'ID X Y");
    refused("cub:box=true:", DUET_ARG, "no key 'box' in layout 'cub'; it takes boxes");
    refused("cub:boxes=true:/no", DUET_NOT_FOUND, "no file or folder '/no");
}

/* ---- NABirds ---- */

static void nabirds(void **state) {
    (void)state;
    fresh_folder(dir, "nabirds");
    put_text("images.txt", "0a-1 0817/a.jpg\n0b-2 0860/b.jpg\n0c-3 0021/c.jpg\n");
    put_text("image_class_labels.txt", "0a-1 817\n0b-2 860\n0c-3 21\n");
    put_text("train_test_split.txt", "0a-1 1\n0b-2 1\n0c-3 0\n");
    put_text("classes.txt", "0 Birds\n1 Ducks, Geese\n2 Perching Birds\n21 Coot\n"
                            "179 Common Eider\n817 Common Eider (Adult male)\n"
                            "860 Common Eider  (Female)\n");
    put_text("hierarchy.txt", "1 0\n2 0\n21 2\n179 1\n817 179\n860 179\n");
    put_png(dir, "images/0817/a.jpg", 4, 10);
    put_png(dir, "images/0860/b.jpg", 4, 20);
    put_png(dir, "images/0021/c.jpg", 4, 30);
    duet_dataset *set = open_set(dir);
    assert_set(set, "nabirds", 2, 0, 1, 3);
    assert_row(set, DUET_TEST, 0, "images/0021/c.jpg", "Coot", 30);
    assert_row(set, DUET_TRAIN, 0, "images/0817/a.jpg", "Common Eider (Adult male)", 10);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 1), 2);
    duet_dataset_close(set);
    set = open_spec("nabirds:label=species:");
    assert_set(set, "nabirds", 2, 0, 1, 2);
    assert_row(set, DUET_TRAIN, 1, "images/0860/b.jpg", "Common Eider", 20);
    assert_row(set, DUET_TEST, 0, "images/0021/c.jpg", "Coot", 30);
    duet_dataset_close(set);
    set = open_spec("nabirds:label=group:");
    assert_row(set, DUET_TRAIN, 1, "images/0860/b.jpg", "Ducks, Geese", 20);
    assert_row(set, DUET_TEST, 0, "images/0021/c.jpg", "Perching Birds", 30);
    duet_dataset_close(set);
    put_text("hierarchy.txt", "1 0\n0 1\n2 0\n21 2\n179 1\n817 179\n860 179\n");
    refused("nabirds:label=group:", DUET_FORMAT, "'hierarchy.txt' goes in a circle");
}

/* ---- Oxford 102 Flowers ---- */

static void put_flowers(const int *labels, int64_t count, const int *train, bool packed) {
    mat_maker mat;
    fresh_folder(dir, "flowers-102");
    mat_begin(&mat, false);
    mat_wholes(&mat, "labels", labels, count);
    if (packed) mat_pack(&mat, 128);
    put_mat("imagelabels.mat", &mat);
    mat_begin(&mat, false);
    mat_wholes(&mat, "trnid", train, 2);
    mat_wholes(&mat, "valid", (const int[]){2}, 1);
    mat_wholes(&mat, "tstid", (const int[]){3, 1}, 2);
    put_mat("setid.mat", &mat);
    for (int i = 1; i <= 5; i++) {
        char name[40];
        snprintf(name, sizeof name, "jpg/image_%05d.jpg", i);
        put_png(dir, name, 4, (uint8_t)(10 * i));
    }
}

static void flowers(void **state) {
    (void)state;
    static const int labels[] = {77, 1, 102, 1, 77}, train[] = {5, 4}, beyond[] = {5, 6};
    for (int packed = 0; packed < 2; packed++) {
        put_flowers(labels, 5, train, packed != 0);
        duet_dataset *const set = open_set(dir);
        assert_set(set, "flowers102", 2, 1, 2, 102);
        assert_row(set, DUET_TRAIN, 0, "jpg/image_00005.jpg", "passion flower", 50);
        assert_row(set, DUET_TRAIN, 1, "jpg/image_00004.jpg", "pink primrose", 40);
        assert_row(set, DUET_VAL, 0, "jpg/image_00002.jpg", "pink primrose", 20);
        assert_row(set, DUET_TEST, 0, "jpg/image_00003.jpg", "blackberry lily", 30);
        assert_row(set, DUET_TEST, 1, "jpg/image_00001.jpg", "passion flower", 10);
        duet_dataset_close(set);
    }
    put_flowers(labels, 5, beyond, false);
    refused("", DUET_FORMAT, "'trnid' of setid.mat has image 1 of 5");
    put_flowers((const int[]){77, 1, 103, 1, 77}, 5, train, false);
    refused("", DUET_FORMAT, "imagelabels.mat gives image 3 a label that is not 1 to 102");
    put_text("setid.mat", "MATLAB");
    refused("", DUET_FORMAT, "'setid.mat' is damaged at offset 6");
}

/* ---- Stanford Cars ---- */

static const char *const car_fields[] = {"bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2",
                                         "class",   "fname",   "test"},
                         *const car_names[] = {"Audi A5", "Ram C/V Van", "smart fortwo"};

/* A list of images NNNNN.jpg with these classes; of 5 fields (no class), 6, or 7. */
static void put_cars(const char *name, const int *classes, int count, int fields, int first) {
    mat_maker mat;
    mat_begin(&mat, false);
    const char *const some[] = {"bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "fname"},
                      *const all[] = {"relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2",
                                      "bbox_y2",          "class",   "test"};
    const int64_t array = mat_structs(&mat, "annotations",
                                      fields == 5   ? some
                                      : fields == 6 ? car_fields
                                                    : all,
                                      fields, count);
    for (int i = 0; i < count; i++) {
        char file[40];
        snprintf(file, sizeof file, fields == 7 ? "car_ims/%06d.jpg" : "%05d.jpg", first + i);
        if (fields == 7) mat_text(&mat, "", file);
        mat_whole(&mat, 2);
        mat_whole(&mat, 3);
        mat_whole(&mat, 6);
        mat_whole(&mat, 4);
        if (fields != 5) mat_whole(&mat, classes[i]);
        if (fields == 7) mat_whole(&mat, i == 1);
        if (fields != 7) mat_text(&mat, "", file);
    }
    mat_close(&mat, array);
    if (fields == 7) mat_texts(&mat, "class_names", car_names, 3);
    put_mat(name, &mat);
}

static void put_devkit(const char *folder, const char *train, const char *test) {
    char name[100];
    mat_maker mat;
    fresh_folder(dir, "stanford_cars");
    mat_begin(&mat, false);
    mat_texts(&mat, "class_names", car_names, 3);
    snprintf(name, sizeof name, "%s/cars_meta.mat", folder);
    put_mat(name, &mat);
    snprintf(name, sizeof name, "%s/cars_train_annos.mat", folder);
    put_cars(name, (const int[]){3, 1}, 2, 6, 1);
    snprintf(name, sizeof name, "%s/cars_test_annos.mat", folder);
    put_cars(name, NULL, 2, 5, 1);
    for (int i = 1; i <= 2; i++) {
        snprintf(name, sizeof name, "%s/%05d.jpg", train, i);
        put_png(dir, name, 8, (uint8_t)(10 * i));
        snprintf(name, sizeof name, "%s/%05d.jpg", test, i);
        put_png(dir, name, 8, (uint8_t)(100 + 10 * i));
    }
}

static void cars(void **state) {
    (void)state;
    put_devkit("devkit", "cars_train", "cars_test");
    duet_dataset *set = open_set(dir);
    assert_set(set, "cars", 2, 0, 2, 3);
    assert_row(set, DUET_TRAIN, 0, "cars_train/00001.jpg", "smart fortwo", 10);
    assert_row(set, DUET_TRAIN, 1, "cars_train/00002.jpg", "Audi A5", 20);
    assert_row(set, DUET_TEST, 1, "cars_test/00002.jpg", NULL, 120);
    assert_int_equal(noticed(set, "list of test images without their classes"), 1);
    duet_dataset_close(set);
    put_cars("cars_test_annos_withlabels.mat", (const int[]){2, 3}, 2, 6, 1);
    set = open_spec("cars:boxes=yes:");
    assert_set(set, "cars", 2, 0, 2, 3);
    assert_row(set, DUET_TEST, 0, "cars_test/00001.jpg", "Ram C/V Van", 110);
    assert_int_equal(duet_dataset_describe(set)->width, 5);
    assert_int_equal(duet_dataset_describe(set)->height, 2);
    duet_dataset_close(set);
    put_devkit("car_devkit/devkit", "cars_train/cars_train", "cars_test/cars_test");
    set = open_set(dir);
    assert_set(set, "cars", 2, 0, 2, 3);
    assert_row(set, DUET_TEST, 0, "cars_test/cars_test/00001.jpg", NULL, 110);
    duet_dataset_close(set);
    put_cars("car_devkit/devkit/cars_train_annos.mat", (const int[]){4, 1}, 2, 6, 1);
    refused("", DUET_FORMAT, "'00001.jpg' has class 4; classes are 1 to 3");
}

static void cars_in_one_folder(void **state) {
    (void)state;
    fresh_folder(dir, "car196");
    put_cars("cars_annos.mat", (const int[]){2, 3, 1}, 3, 7, 1);
    for (int i = 1; i <= 3; i++) {
        char name[40];
        snprintf(name, sizeof name, "car_ims/%06d.jpg", i);
        put_png(dir, name, 8, (uint8_t)(10 * i));
    }
    duet_dataset *const set = open_set(dir);
    assert_set(set, "cars", 2, 0, 1, 3);
    assert_row(set, DUET_TRAIN, 1, "car_ims/000003.jpg", "Audi A5", 30);
    assert_row(set, DUET_TEST, 0, "car_ims/000002.jpg", "smart fortwo", 20);
    duet_dataset_close(set);
    char from[DUET_PATH_SIZE], to[DUET_PATH_SIZE];
    OK(duet_path_join(from, dir, "car_ims"));
    OK(duet_path_join(to, dir, "cars_train"));
    assert_int_equal(rename(from, to), 0);
    refused("", DUET_NOT_FOUND, "unpack car_devkit.tgz");
}

/* As it was uploaded again: a folder a class. */
static void cars_in_folders(void **state) {
    (void)state;
    fresh_folder(dir, "car_data");
    put_png(dir, "train/AM General Hummer SUV 2000/00163.jpg", 8, 1);
    put_png(dir, "train/smart fortwo Convertible 2012/1.jpg", 8, 2);
    put_png(dir, "test/smart fortwo Convertible 2012/2.jpg", 8, 3);
    duet_dataset *const set = open_set(dir);
    assert_set(set, "image_folder", 2, 0, 1, 2);
    assert_row(set, DUET_TEST, 0, "test/smart fortwo Convertible 2012/2.jpg",
               "smart fortwo Convertible 2012", 3);
    duet_dataset_close(set);
}

/* ---- FGVC-Aircraft ---- */

/* Images of 4 x 24 whose lowest 20 rows are white. */
static void put_banner(const char *name, uint8_t value) {
    duet_image image = {0};
    duet_bytes bytes = {0};
    OK(duet_image_new(&image, 4, 24, 3));
    memset(image.pixels, value, 48);
    memset(image.pixels + 48, 255, 240);
    OK(duet_image_encode_png(&bytes, &image, NULL, 0));
    put_file(dir, name, bytes.data, bytes.size);
    duet_image_free(&image);
    duet_bytes_free(&bytes);
}

static void put_aircraft(void) {
    fresh_folder(dir, "fgvc-aircraft-2013b");
    put_text("data/images_variant_train.txt", "0034309 DH-82\n1025794 707-320\n");
    put_text("data/images_variant_val.txt", "0056978 Falcon 900\n");
    put_text("data/images_variant_test.txt", "0062765 707-320\n");
    put_text("data/images_variant_trainval.txt", "0034309 DH-82\n1025794 707-320\n"
                                                 "0056978 Falcon 900\n");
    put_text("data/variants.txt", "707-320\nFalcon 900\nDH-82\n");
    put_text("data/images_manufacturer_train.txt", "0034309 de Havilland\n1025794 Boeing\n");
    put_text("data/images_manufacturer_test.txt", "0062765 Boeing\n");
    put_text("data/images_box.txt", "0034309 2 1 3 3\n1025794 1 1 4 4\n0056978 1 1 4 4\n"
                                    "0062765 1 1 4 4\n");
    put_banner("data/images/0034309.jpg", 10);
    put_banner("data/images/1025794.jpg", 20);
    put_banner("data/images/0056978.jpg", 30);
    put_banner("data/images/0062765.jpg", 40);
}

static void aircraft(void **state) {
    (void)state;
    put_aircraft();
    duet_dataset *set = open_set(dir); /* the set is in data/ */
    assert_set(set, "aircraft", 2, 1, 1, 3);
    assert_int_equal(duet_dataset_describe(set)->height, 4); /* without the banner */
    assert_row(set, DUET_TRAIN, 0, "images/0034309.jpg", "DH-82", 10);
    assert_int_equal(duet_dataset_label(set, DUET_TRAIN, 0), 2); /* the order of variants.txt */
    assert_row(set, DUET_VAL, 0, "images/0056978.jpg", "Falcon 900", 30);
    duet_dataset_close(set);
    set = open_spec("aircraft:banner=true:");
    assert_int_equal(duet_dataset_describe(set)->height, 24);
    duet_dataset_close(set);
    set = open_spec("aircraft:boxes=true:");
    assert_int_equal(duet_dataset_describe(set)->width, 2);
    assert_int_equal(duet_dataset_describe(set)->height, 3);
    duet_dataset_close(set);
    set = open_spec("aircraft:label=manufacturer:"); /* no manufacturers.txt: sorted */
    assert_set(set, "aircraft", 2, 0, 1, 2);
    assert_row(set, DUET_TRAIN, 0, "images/0034309.jpg", "de Havilland", 10);
    assert_row(set, DUET_TEST, 0, "images/0062765.jpg", "Boeing", 40);
    duet_dataset_close(set);
    refused("aircraft:label=family:", DUET_NOT_FOUND, "images_family_train");
    refused("aircraft:label=wing:", DUET_ARG, "one of variant|family|manufacturer");
    put_text("data/images_variant_val.txt", "0056978 Falcon 901\n");
    refused("", DUET_FORMAT, "'images_variant_val.txt': line 1 has the unknown class 'Falcon 901'");
}

static void aircraft_without_val(void **state) {
    (void)state;
    put_aircraft();
    drop("data/images_variant_train.txt");
    drop("data/images_variant_val.txt");
    duet_dataset *const set = open_set(dir);
    assert_set(set, "aircraft", 3, 0, 1, 3);
    duet_dataset_close(set);
}

/* ---- Stanford Dogs ---- */

static void put_dogs_list(const char *name, const char *const *files, const int *labels,
                          int64_t count) {
    mat_maker mat;
    mat_begin(&mat, false);
    mat_texts(&mat, "file_list", files, count);
    mat_texts(&mat, "annotation_list", files, count);
    mat_wholes(&mat, "labels", labels, count);
    put_mat(name, &mat);
}

static void dogs(void **state) {
    (void)state;
    static const char *const places[] = {"lists/", ""};
    static const char *const train[] = {"n02085620-Chihuahua/n02085620_5927.jpg",
                                        "n02116738-African_hunting_dog/n02116738_1.jpg"},
                             *const test[] = {"n02116738-African_hunting_dog/n02116738_2.jpg"};
    for (int k = 0; k < DUET_COUNT(places); k++) {
        char name[40];
        fresh_folder(dir, "stanford_dogs");
        snprintf(name, sizeof name, "%strain_list.mat", places[k]);
        put_dogs_list(name, train, (const int[]){1, 2}, 2);
        snprintf(name, sizeof name, "%stest_list.mat", places[k]);
        put_dogs_list(name, test, (const int[]){2}, 1);
        put_png(dir, "Images/n02085620-Chihuahua/n02085620_5927.jpg", 4, 10);
        put_png(dir, "Images/n02116738-African_hunting_dog/n02116738_1.jpg", 4, 20);
        put_png(dir, "Images/n02116738-African_hunting_dog/n02116738_2.jpg", 4, 30);
        duet_dataset *const set = open_set(dir);
        assert_set(set, "dogs", 2, 0, 1, 2);
        assert_row(set, DUET_TRAIN, 0, "Images/n02085620-Chihuahua/n02085620_5927.jpg",
                   "n02085620-Chihuahua", 10);
        assert_row(set, DUET_TEST, 0, "Images/n02116738-African_hunting_dog/n02116738_2.jpg",
                   "n02116738-African_hunting_dog", 30);
        duet_dataset_close(set);
    }
    put_dogs_list("train_list.mat", train, (const int[]){1, 0}, 2);
    refused("", DUET_FORMAT,
            "'train_list.mat': 'n02116738-African_hunting_dog/n02116738_1.jpg' "
            "has label 0");
}

/* ---- Oxford-IIIT Pets ---- */

static void pets(void **state) {
    (void)state;
    fresh_folder(dir, "oxford-iiit-pet");
    put_text("annotations/trainval.txt", "Abyssinian_100 1 1 1\namerican_bulldog_100 2 2 1\n");
    put_text("annotations/test.txt", "#Image CLASS-ID SPECIES BREED ID\n"
                                     "american_bulldog_203 2 2 1\n");
    put_png(dir, "images/Abyssinian_100.jpg", 4, 10);
    put_png(dir, "images/american_bulldog_100.jpg", 4, 20);
    put_png(dir, "images/american_bulldog_203.jpg", 4, 30);
    put_png(dir, "images/Abyssinian_34.jpg", 4, 40);
    duet_dataset *set = open_set(dir);
    assert_set(set, "pets", 2, 0, 1, 2);
    assert_row(set, DUET_TRAIN, 0, "images/Abyssinian_100.jpg", "Abyssinian", 10);
    assert_row(set, DUET_TEST, 0, "images/american_bulldog_203.jpg", "american_bulldog", 30);
    assert_int_equal(noticed(set, "that no list of the set names"), 1);
    duet_dataset_close(set);
    set = open_spec("pets:label=species:");
    assert_row(set, DUET_TRAIN, 0, "images/Abyssinian_100.jpg", "cat", 10);
    assert_row(set, DUET_TEST, 0, "images/american_bulldog_203.jpg", "dog", 30);
    duet_dataset_close(set);
    put_text("annotations/test.txt", "american_bulldog_203 2\n");
    refused("", DUET_FORMAT, "line 1 is not 'NAME CLASS SPECIES BREED'");
    put_text("annotations/trainval.txt", "image_1\nimage_2\n"); /* of another set */
    set = open_set(dir);
    assert_string_equal(duet_dataset_describe(set)->layout, "image_folder");
    duet_dataset_close(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cub),
        cmocka_unit_test(boxes),
        cmocka_unit_test(missing_and_unlisted),
        cmocka_unit_test(damaged_lists),
        cmocka_unit_test(nabirds),
        cmocka_unit_test(flowers),
        cmocka_unit_test(cars),
        cmocka_unit_test(cars_in_one_folder),
        cmocka_unit_test(cars_in_folders),
        cmocka_unit_test(aircraft),
        cmocka_unit_test(aircraft_without_val),
        cmocka_unit_test(dogs),
        cmocka_unit_test(pets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
