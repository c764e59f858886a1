/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_flowers102.c: Oxford 102 Flowers (Nilsback and Zisserman 2008):
 * 102flowers.tgz unpacked, jpg/image_NNNNN.jpg, with imagelabels.mat (labels, 1 … 102, of each
 * image) and setid.mat (numbers of images: trnid, valid, tstid) beside jpg/. Splits train, val and
 * test; the names of the classes are those of the authors' page, in the order of the labels. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset/listed.h"
#include "io/mat.h"

enum { FLOWERS = 102 };

static const char *const flowers[FLOWERS] = {"pink primrose",
                                             "hard-leaved pocket orchid",
                                             "canterbury bells",
                                             "sweet pea",
                                             "english marigold",
                                             "tiger lily",
                                             "moon orchid",
                                             "bird of paradise",
                                             "monkshood",
                                             "globe thistle",
                                             "snapdragon",
                                             "colt's foot",
                                             "king protea",
                                             "spear thistle",
                                             "yellow iris",
                                             "globe-flower",
                                             "purple coneflower",
                                             "peruvian lily",
                                             "balloon flower",
                                             "giant white arum lily",
                                             "fire lily",
                                             "pincushion flower",
                                             "fritillary",
                                             "red ginger",
                                             "grape hyacinth",
                                             "corn poppy",
                                             "prince of wales feathers",
                                             "stemless gentian",
                                             "artichoke",
                                             "sweet william",
                                             "carnation",
                                             "garden phlox",
                                             "love in the mist",
                                             "mexican aster",
                                             "alpine sea holly",
                                             "ruby-lipped cattleya",
                                             "cape flower",
                                             "great masterwort",
                                             "siam tulip",
                                             "lenten rose",
                                             "barbeton daisy",
                                             "daffodil",
                                             "sword lily",
                                             "poinsettia",
                                             "bolero deep blue",
                                             "wallflower",
                                             "marigold",
                                             "buttercup",
                                             "oxeye daisy",
                                             "common dandelion",
                                             "petunia",
                                             "wild pansy",
                                             "primula",
                                             "sunflower",
                                             "pelargonium",
                                             "bishop of llandaff",
                                             "gaura",
                                             "geranium",
                                             "orange dahlia",
                                             "pink-yellow dahlia",
                                             "cautleya spicata",
                                             "japanese anemone",
                                             "black-eyed susan",
                                             "silverbush",
                                             "californian poppy",
                                             "osteospermum",
                                             "spring crocus",
                                             "bearded iris",
                                             "windflower",
                                             "tree poppy",
                                             "gazania",
                                             "azalea",
                                             "water lily",
                                             "rose",
                                             "thorn apple",
                                             "morning glory",
                                             "passion flower",
                                             "lotus",
                                             "toad lily",
                                             "anthurium",
                                             "frangipani",
                                             "clematis",
                                             "hibiscus",
                                             "columbine",
                                             "desert-rose",
                                             "tree mallow",
                                             "magnolia",
                                             "cyclamen",
                                             "watercress",
                                             "canna lily",
                                             "hippeastrum",
                                             "bee balm",
                                             "ball moss",
                                             "foxglove",
                                             "bougainvillea",
                                             "camellia",
                                             "mallow",
                                             "mexican petunia",
                                             "bromelia",
                                             "blanket flower",
                                             "trumpet creeper",
                                             "blackberry lily"};

static int flowers_detect(const char *path) {
    return duet_listed_has(path, "imagelabels.mat") && duet_listed_has(path, "setid.mat") ? 90 : 0;
}

static duet_status add_split(duet_dataset *dataset, duet_split split, const char *variable,
                             const duet_mat *sets, const duet_mat_value *labels) {
    const duet_mat_value *numbers = NULL;
    DUET_TRY(duet_mat_find(&numbers, sets, variable, DUET_MAT_NUMBERS));
    for (int64_t i = 0; i < numbers->count; i++) {
        char path[32];
        const double number = numbers->number[i];
        if (!(number >= 1.0 && number <= (double)labels->count))
            return duet_fail(DUET_FORMAT, "'%s' of setid.mat has image %lld of %lld", variable,
                             (long long)i, (long long)labels->count);
        const double label = labels->number[(int64_t)number - 1];
        if (!(label >= 1.0 && label <= FLOWERS))
            return duet_fail(DUET_FORMAT,
                             "imagelabels.mat gives image %lld a label that is not 1 to %d",
                             (long long)number, FLOWERS);
        snprintf(path, sizeof path, "jpg/image_%05lld.jpg", (long long)number);
        DUET_TRY(duet_listed_add(
            dataset,
            &(duet_listed_row){.path = path, .split = split, .label = (int32_t)label - 1}));
    }
    return DUET_OK;
}

static duet_status flowers_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    char file[DUET_PATH_SIZE];
    duet_mat *sets = NULL, *images = NULL;
    const duet_mat_value *labels = NULL;
    DUET_DO(duet_listed_new(dataset, path));
    DUET_DO(duet_path_join(file, path, "setid.mat"));
    DUET_DO(duet_mat_open(&sets, file));
    DUET_DO(duet_path_join(file, path, "imagelabels.mat"));
    DUET_DO(duet_mat_open(&images, file));
    DUET_DO(duet_mat_find(&labels, images, "labels", DUET_MAT_NUMBERS));
    DUET_DO(add_split(dataset, DUET_TRAIN, "trnid", sets, labels));
    DUET_DO(add_split(dataset, DUET_VAL, "valid", sets, labels));
    DUET_DO(add_split(dataset, DUET_TEST, "tstid", sets, labels));
    DUET_DO(duet_listed_finish(ctx, dataset, "jpg", flowers, FLOWERS));
done:
    duet_mat_close(sets);
    duet_mat_close(images);
    return status;
}

const duet_dataset_layout duet_dataset_flowers102 = {
    .info = {.name = "flowers102",
             .help = "Oxford 102 Flowers: jpg/ beside imagelabels.mat and setid.mat",
             .params = DUET_TABLE_EMPTY},
    .detect = flowers_detect,
    .open = flowers_open,
    .close = duet_listed_close,
    .read = duet_listed_read,
    .row_name = duet_listed_row_name,
    .inner = true,
};
