/* SPDX-License-Identifier: MIT
 * data/official.c: published data sets, by the layout that reads their archives or by the names of
 * their classes in any layout, and what each has, from the pages and papers of their authors. */
#include <string.h>

#include "data/dataset/dataset.h"

typedef struct known {
    const char *name;
    const char *layouts; /* that read nothing else, " a b " */
    int classes;
    /* of the first and the last class, "a|b": any of them; NULL = the layout alone says it */
    const char *first, *last;
    int64_t count[DUET_SPLIT_COUNT];
    const char *measure;
} known;

#define TOP1 "top-1 accuracy"
#define MEAN "mean-per-class accuracy"

/* Several rows of one name are its forms: other classes, or parts that need not be there. */
static const known sets[] = {
    {"CUB-200-2011",
     " cub ",
     200,
     "001.Black_footed_Albatross",
     "200.Common_Yellowthroat",
     {5994, 0, 5794},
     TOP1},
    {"NABirds", " nabirds ", 555, NULL, NULL, {23929, 0, 24633}, TOP1},
    {"NABirds", " nabirds ", 404, NULL, NULL, {23929, 0, 24633}, TOP1},
    {"NABirds", " nabirds ", 22, NULL, NULL, {23929, 0, 24633}, TOP1},
    {"Oxford 102 Flowers",
     " flowers102 ",
     102,
     "pink primrose",
     "blackberry lily",
     {1020, 1020, 6149},
     MEAN},
    {"Stanford Cars",
     " cars ",
     196,
     "AM General Hummer SUV 2000",
     "smart fortwo Convertible 2012",
     {8144, 0, 8041},
     TOP1},
    {"FGVC-Aircraft", " aircraft ", 100, NULL, NULL, {3334, 3333, 3333}, MEAN},
    {"FGVC-Aircraft", " aircraft ", 70, NULL, NULL, {3334, 3333, 3333}, MEAN},
    {"FGVC-Aircraft", " aircraft ", 30, NULL, NULL, {3334, 3333, 3333}, MEAN},
    {"Stanford Dogs",
     " dogs ",
     120,
     "n02085620-Chihuahua",
     "n02116738-African_hunting_dog",
     {12000, 0, 8580},
     TOP1},
    {"Oxford-IIIT Pets", " pets ", 37, NULL, NULL, {3680, 0, 3669}, MEAN},
    {"Oxford-IIIT Pets", " pets ", 2, NULL, NULL, {3680, 0, 3669}, MEAN},
    {"ImageNet-1k",
     " imagenet ",
     1000,
     "n01440764|tench",
     "n15075141|toilet tissue",
     {1281167, 50000, 0},
     TOP1},
    {"ImageNet-1k",
     " imagenet ",
     1000,
     "n01440764|tench",
     "n15075141|toilet tissue",
     {1281167, 50000, 100000},
     TOP1},
    {"Tiny-ImageNet-200",
     " tiny_imagenet ",
     200,
     "n01443537|goldfish",
     "n12267677|acorn",
     {100000, 10000, 10000},
     TOP1},
    {"Tiny-ImageNet-200",
     " ",
     200,
     "n01443537|goldfish",
     "n12267677|acorn",
     {100000, 10000, 0},
     TOP1},
    {"STL-10", " stl10 ", 10, NULL, NULL, {105000, 0, 8000}, TOP1},
    {"STL-10 without its unlabelled images", " stl10 ", 10, NULL, NULL, {5000, 0, 8000}, TOP1},
    {"CIFAR-10", " cifar_bin cifar_py ", 10, "airplane", "truck", {50000, 0, 10000}, TOP1},
    {"CIFAR-100", " cifar_bin cifar_py ", 100, "apple", "worm", {50000, 0, 10000}, TOP1},
    {"CIFAR-100",
     " cifar_bin cifar_py ",
     20,
     "aquatic_mammals",
     "vehicles_2",
     {50000, 0, 10000},
     TOP1},
    {"Fashion-MNIST", " ", 10, "T-shirt/top", "Ankle boot", {60000, 0, 10000}, TOP1},
    {"MNIST, or another set of its form", " idx ", 10, NULL, NULL, {60000, 0, 10000}, TOP1},
};

static bool is_one_of(const char *name, const char *names) {
    const size_t size = strlen(name);
    for (; names != NULL; names = strchr(names, '|') != NULL ? strchr(names, '|') + 1 : NULL)
        if (strcspn(names, "|") == size && strncmp(names, name, size) == 0) return true;
    return false;
}

static bool may_be(const known *k, const duet_dataset_info *info) {
    const char *const at = strstr(k->layouts, info->layout);
    if (at != NULL && at[-1] == ' ' && at[strlen(info->layout)] == ' ') return true;
    return k->first != NULL && info->class_count == k->classes &&
           is_one_of(info->class_names[0], k->first) &&
           is_one_of(info->class_names[k->classes - 1], k->last);
}

/* How far the counts are from those of the set; other classes are farther than any images. */
static int64_t distance(const known *k, const duet_dataset_info *info) {
    int64_t sum = info->class_count == k->classes ? 0 : INT32_MAX;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        sum += info->count[s] > k->count[s] ? info->count[s] - k->count[s]
                                            : k->count[s] - info->count[s];
    return sum;
}

static bool left_nothing_out(const duet_dataset_info *info) {
    for (int i = 0; i < info->left_out_count; i++)
        if (!info->left_out[i].quiet) return false;
    return true;
}

void duet_dataset_official(duet_official *out, const duet_dataset *dataset) {
    const duet_dataset_info *const info = &dataset->info;
    const known *best = NULL;
    for (int i = 0; i < DUET_COUNT(sets); i++)
        if (may_be(&sets[i], info) &&
            (best == NULL || distance(&sets[i], info) < distance(best, info)))
            best = &sets[i];
    *out = (duet_official){.complete =
                               best != NULL ? distance(best, info) == 0 : left_nothing_out(info)};
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        out->missing[s] = dataset->missing[s];
        for (int k = 0; k < DUET_OFFICIAL_EXAMPLES; k++)
            out->example[s][k] = dataset->missing_example[s][k];
        out->complete = out->complete && out->missing[s] == 0;
        if (best != NULL) out->expected[s] = best->count[s];
    }
    if (best == NULL) return;
    out->name = best->name;
    out->measure = best->measure;
    out->expected_classes = best->classes;
}
