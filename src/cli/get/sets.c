/* SPDX-License-Identifier: MIT
 * cli/get/sets.c: data sets that their authors give away by a plain address, with the checksums
 * that they or torchvision publish; and descriptions of others. */
#include <stdio.h>
#include <string.h>

#include "cli/get/get.h"

#define MNIST   "https://ossci-datasets.s3.amazonaws.com/mnist/"
#define FASHION "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
#define KRIZ    "https://www.cs.toronto.edu/~kriz/"
#define VGG     "https://www.robots.ox.ac.uk/~vgg/data/"

#define IDX(base, split, kind, sum) \
    { .url = base split kind "-ubyte.gz", .name = split kind "-ubyte.gz", .md5 = (sum) }

static const get_set sets[] = {
    {.name = "mnist",
     .title = "MNIST",
     .home = "http://yann.lecun.com/exdb/mnist/",
     .megabytes = "12",
     .file = {IDX(MNIST, "train-", "images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
              IDX(MNIST, "train-", "labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432"),
              IDX(MNIST, "t10k-", "images-idx3", "9fb629c4189551a2d022fa330f9573f3"),
              IDX(MNIST, "t10k-", "labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c")},
     .count = 4},
    {.name = "fashion-mnist",
     .title = "Fashion-MNIST",
     .home = "https://github.com/zalandoresearch/fashion-mnist",
     .megabytes = "31",
     .file = {IDX(FASHION, "train-", "images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
              IDX(FASHION, "train-", "labels-idx1", "25c81989df183df01b3e8a0aad5dffbe"),
              IDX(FASHION, "t10k-", "images-idx3", "bef4ecab320f06d8554ea6380940ec79"),
              IDX(FASHION, "t10k-", "labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310")},
     .count = 4},
    {.name = "cifar10",
     .title = "CIFAR-10",
     .home = KRIZ "cifar.html",
     .megabytes = "170",
     .file = {{.url = KRIZ "cifar-10-binary.tar.gz",
               .name = "cifar-10-binary.tar.gz",
               .md5 = "c32a1d4ab5d03f1284b67883e8d87530",
               .inside = "cifar-10-batches-bin"}},
     .count = 1},
    {.name = "cifar100",
     .title = "CIFAR-100",
     .home = KRIZ "cifar.html",
     .megabytes = "169",
     .file = {{.url = KRIZ "cifar-100-binary.tar.gz",
               .name = "cifar-100-binary.tar.gz",
               .md5 = "03b5dce01913d631647c71ecec9e9cb8",
               .inside = "cifar-100-binary"}},
     .count = 1},
    {.name = "stl10",
     .title = "STL-10",
     .home = "https://cs.stanford.edu/~acoates/stl10/",
     .megabytes = "2,640",
     .file = {{.url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
               .name = "stl10_binary.tar.gz",
               .md5 = "91f7769df0f17e558f3565bffb0c7dfb",
               .inside = "stl10_binary"}},
     .count = 1},
    {.name = "tiny-imagenet",
     .title = "Tiny-ImageNet-200",
     .home = "http://cs231n.stanford.edu/",
     .megabytes = "248",
     .file = {{.url = "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
               .name = "tiny-imagenet-200.zip",
               .md5 = "90528d7ca1a48142e341f4ef8d21d0de",
               .inside = "tiny-imagenet-200"}},
     .count = 1},
    {.name = "flowers102",
     .title = "Oxford 102 Flowers",
     .home = VGG "flowers/102/",
     .megabytes = "345",
     .file = {{.url = VGG "flowers/102/102flowers.tgz",
               .name = "102flowers.tgz",
               .md5 = "52808999861908f626f3c1f4e79d11fa",
               .inside = "jpg"},
              {.url = VGG "flowers/102/imagelabels.mat",
               .name = "imagelabels.mat",
               .md5 = "e0620be6f572b9609742df49c70aed4d"},
              {.url = VGG "flowers/102/setid.mat",
               .name = "setid.mat",
               .md5 = "a5357ecc9cb78c4bef273ce3793fc85c"}},
     .count = 3},
    {.name = "pets",
     .title = "Oxford-IIIT Pets",
     .home = VGG "pets/",
     .megabytes = "811",
     .file = {{.url = VGG "pets/data/images.tar.gz",
               .name = "images.tar.gz",
               .md5 = "5c4f3ee8e5d25df40f4fd59a7f44e54c",
               .inside = "images"},
              {.url = VGG "pets/data/annotations.tar.gz",
               .name = "annotations.tar.gz",
               .md5 = "95a8c909bbe2e81eed6a22bccdf3f68f",
               .inside = "annotations"}},
     .count = 2},
    {.name = "aircraft",
     .title = "FGVC-Aircraft",
     .home = VGG "fgvc-aircraft/",
     .megabytes = "2,750",
     .file = {{.url = VGG "fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
               .name = "fgvc-aircraft-2013b.tar.gz",
               .md5 = "d4acdd33327262359767eeaa97a4f732",
               .inside = "fgvc-aircraft-2013b"}},
     .count = 1},
    {.name = "cub",
     .title = "CUB-200-2011",
     .home = "https://www.vision.caltech.edu/datasets/cub_200_2011/",
     .megabytes = "1,150",
     .file = {{.url = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
               .name = "CUB_200_2011.tgz",
               .md5 = "97eceeb196236b17998738112f37df78",
               .inside = "CUB_200_2011"}},
     .count = 1},
};

const get_set *get_sets(int *count) {
    *count = DUET_COUNT(sets);
    return sets;
}

/* ---- descriptions ---- */

static bool is_md5(const char *text) {
    return text != NULL && strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

/* A name of one part, which stays in the folder. */
static bool is_name(const char *text) {
    return text != NULL && text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

static duet_status read_file(get_file *out, const json_t *from, const char *path, int number) {
    const char *const url = json_string_value(json_object_get(from, "url")),
                      *name = json_string_value(json_object_get(from, "name"));
    const char *const slash = url != NULL ? strrchr(url, '/') : NULL;
    if (name == NULL && slash != NULL) name = slash + 1;
    *out = (get_file){.url = url,
                      .name = name,
                      .md5 = json_string_value(json_object_get(from, "md5")),
                      .inside = json_string_value(json_object_get(from, "inside"))};
    if (url != NULL && is_name(name) && is_md5(out->md5) &&
        (out->inside == NULL || is_name(out->inside)))
        return DUET_OK;
    return cli_fail(DUET_FORMAT,
                    "'%s': file %d needs a 'url', an 'md5' of 32 digits, and a 'name' and 'inside' "
                    "without folders",
                    path, number);
}

static duet_status describe(get_set *out, json_t **owner, const char *path) {
    json_error_t where;
    json_t *const root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    const json_t *const files = json_object_get(root, "files");
    *owner = root;
    if (root == NULL)
        return cli_fail(DUET_FORMAT, "'%s' is damaged: line %d: %s", path, where.line, where.text);
    const char *const name = json_string_value(json_object_get(root, "name"));
    *out = (get_set){.name = name, .title = name, .count = (int)json_array_size(files)};
    if (!is_name(name) || out->count < 1 || out->count > GET_FILES)
        return cli_fail(DUET_FORMAT, "'%s' needs a 'name' and 1 to %d 'files'", path, GET_FILES);
    for (int i = 0; i < out->count; i++) {
        const duet_status status =
            read_file(&out->file[i], json_array_get(files, (size_t)i), path, i + 1);
        if (status != DUET_OK) return status;
    }
    return DUET_OK;
}

duet_status get_find(get_set *out, json_t **owner, const char *name) {
    char names[512] = "";
    const size_t length = strlen(name);
    *owner = NULL;
    if (length > 5 && strcmp(name + length - 5, ".json") == 0)
        return cli_exists(name) ? describe(out, owner, name)
                                : cli_fail(DUET_NOT_FOUND, "no file '%s'", name);
    for (int i = 0; i < DUET_COUNT(sets); i++) {
        const size_t used = strlen(names);
        if (strcmp(sets[i].name, name) == 0) {
            *out = sets[i];
            return DUET_OK;
        }
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", sets[i].name);
    }
    return cli_fail(DUET_NOT_FOUND,
                    "no data set '%s' can be had; there are %s, and descriptions in files that end "
                    "in .json (docs/data_sets.md)",
                    name, names);
}
