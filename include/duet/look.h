/* SPDX-License-Identifier: MIT
 * duet/look.h: what a model knows, to look at: how alike its layers are (duet_cka), where images
 * lie in its features (duet_map_images), what its taps see (duet_tap_pictures), and what a
 * prediction looks at (duet_why). Each gives numbers as JSON and a picture. */
#ifndef DUET_LOOK_H
#define DUET_LOOK_H

#include <duet/study.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was found. */
typedef struct duet_look duet_look;
/* The object of a result.json (docs/run_folder.md). */
const char *duet_look_json(const duet_look *look);
/* The picture: '….svg', or '….png'. */
DUET_NODISCARD duet_status duet_look_write(const duet_look *look, const char *path);
void duet_look_free(duet_look *look); /* NULL is accepted */

/* Of which images. */
typedef struct duet_look_rows {
    duet_split split;
    int64_t rows;         /* drawn at random, as many of each class as can be */
    uint64_t seed;        /* of the rows and of the noise */
    int64_t batch;        /* images per pass; 0 = chosen */
    duet_bad_images *bad; /* NULL, or the record of images that are left out */
} duet_look_rows;

/* ---- layers beside layers ---- */

typedef struct duet_cka_side {
    duet_int_list times; /* levels, -1 = clean; none: 1, 10, 100 and 300, or clean where the model
                            takes no noise */
    duet_int_list taps;  /* none = all */
} duet_cka_side;

typedef struct duet_cka_options {
    duet_look_rows rows;
    duet_cka_side side[2]; /* of either model */
    int64_t pool;          /* side of the pooled maps; smaller maps are taken whole */
    int64_t batch_rows;    /* of a batch of the estimate, 4 … 1,024 */
} duet_cka_options;

/* Linear centred kernel alignment of all (t, tap) of a model, or of two (b not NULL) on the same
 * images, by the unbiased estimate over batches (Kornblith et al. 2019, Nguyen et al. 2021): 1 is
 * the same up to rotation and scale, 0 is unrelated. */
DUET_NODISCARD duet_status duet_cka(duet_context *ctx, duet_look **out, duet_model *a,
                                    duet_model *b, const duet_dataset *dataset,
                                    const duet_cka_options *options);

/* ---- images in features ---- */

extern const duet_family duet_family_plane; /* ways to lay rows of features out in the plane */

typedef struct duet_map_options {
    duet_look_rows rows;
    duet_settings settings;      /* complete (duet_settings_find) */
    char reader[DUET_TEXT_SIZE]; /* spec of the family `reader`; "" = "model" */
    char method[DUET_TEXT_SIZE]; /* spec of the family `plane`: "pca", "tsne:perplexity=20" */
    char cache[4096];            /* of features; empty = none */
} duet_map_options;

/* Rows of features, standardised, as points in the plane: the picture has the images themselves at
 * their points where there is room, and dots in the colours of the classes. */
DUET_NODISCARD duet_status duet_map_images(duet_context *ctx, duet_look **out, duet_model *model,
                                           const duet_dataset *dataset,
                                           const duet_map_options *options);

/* ---- what taps see ---- */

typedef struct duet_taps_options {
    duet_look_rows rows;      /* of paths: seed, batch and bad only */
    duet_int_list times;      /* levels; none: as in duet_cka_side */
    duet_int_list taps;       /* none = all */
    int64_t channels;         /* of one tap, each by itself; 0 = all of each tap, as colours */
    const char *const *paths; /* image files instead of a data set; NULL = none */
    int64_t path_count;
} duet_taps_options;

/* Feature maps as pictures: each pixel's three first principal components are red, green and blue,
 * of all images and levels of a tap together, so that equal colours are alike down a column of the
 * picture. With `channels`, those of one tap that vary most, each laid over the image: what it
 * answers to. Maps of more than 32 x 32 are pooled to that. dataset may be NULL where there are
 * paths; DUET_ARG where channels are asked for of several taps. */
DUET_NODISCARD duet_status duet_tap_pictures(duet_context *ctx, duet_look **out, duet_model *model,
                                             const duet_dataset *dataset,
                                             const duet_taps_options *options);

/* ---- what a prediction looks at ---- */

typedef struct duet_why_options {
    const char *const *paths; /* image files; those that cannot be read are left out */
    int64_t path_count;       /* 1 … 16 */
    int64_t patch;            /* side of what is covered, in pixels of the network; 0 = a quarter */
    /* of the classes; NULL = their numbers */
    const char *const *class_names;
    int class_count;
} duet_why_options;

/* The fall of the predicted class's probability where a patch of the image is covered (Zeiler and
 * Fergus 2014), over 14 x 14 places; each pixel of the picture has the mean over the patches that
 * cover it, by how near it is to their middle. head and card as in duet_classify. */
DUET_NODISCARD duet_status duet_why(duet_context *ctx, duet_look **out, duet_model *model,
                                    duet_head *head, const duet_head_card *card,
                                    const duet_why_options *options);

#ifdef __cplusplus
}
#endif
#endif
