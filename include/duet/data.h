/* SPDX-License-Identifier: MIT
 * duet/data.h: data sets and the loader. A bare path is enough: the layout is detected. Every read
 * is a pure function of (data set, split, index), so order and threads never change what comes
 * out. */
#ifndef DUET_DATA_H
#define DUET_DATA_H

#include <duet/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Part of a data set. */
typedef enum duet_split { DUET_TRAIN, DUET_VAL, DUET_TEST, DUET_SPLIT_COUNT } duet_split;

const char *duet_split_name(duet_split split); /* "train", "val", "test" */
/* In any case; training, trn; valid, validation, dev; testing, tst, eval, evaluation and holdout
 * are understood, too. */
DUET_NODISCARD duet_status duet_split_parse(duet_split *out, const char *name);

typedef struct duet_dataset duet_dataset; /* an open data set */

/* Something that is to be known about a set, counted: files, rows or classes of one reason. */
typedef struct duet_dataset_note {
    const char *reason;  /* "links that lead nowhere" */
    const char *example; /* a name */
    const char *advice;  /* what to do; "": nothing */
    int64_t count;
    bool quiet; /* expected (hidden files, texts beside the images): no warning when opening */
} duet_dataset_note;

typedef struct duet_dataset_info {
    const char *name;       /* folder's or archive's base name, without .tar, .tar.gz, .gz; UTF-8 */
    const char *path;       /* as given */
    const char *shown_path; /* the same in UTF-8, for lists and JSON */
    const char *layout;     /* member of the family `dataset` */
    /* of the first image; varied: some of the rows looked at (8, spread over the split) differ */
    int64_t height, width;
    bool varied;
    int channels; /* 1 or 3; 3 when any of the rows looked at has colour */
    bool labelled;
    int class_count;
    /* class_count names ("0", "1", … when the layout has none), in UTF-8: other bytes stand as
     * \xNN */
    const char *const *class_names;
    int64_t count[DUET_SPLIT_COUNT];
    /* What lies in the set and is left out, and what was decided about it that may surprise; all of
     * it was told through the context's log when the set was opened, except what is quiet. */
    const duet_dataset_note *left_out, *noticed;
    int left_out_count, noticed_count;
    /* of layout, names, labels and content (folders: file sizes), not of the path: identifies the
     * set in caches */
    uint64_t hash;
} duet_dataset_info;

/* spec: a path (file or folder; its layout is detected), a layout and a path where detection is to
 * be overruled ("image_folder:PATH"), or a member that needs none, with options
 * ("synth:size=32,classes=10,train=20000"). */
DUET_NODISCARD duet_status duet_dataset_open(duet_context *ctx, duet_dataset **out,
                                             const char *spec);
void duet_dataset_close(duet_dataset *dataset);
const duet_dataset_info *duet_dataset_describe(const duet_dataset *dataset);
extern const duet_family duet_family_dataset;
extern const duet_family duet_family_augment;

/* A list of rows of one split: what commands work on. Sets without a validation split have some
 * training rows set aside for it: duet_view_all(TRAIN) + duet_view_divide. */
typedef struct duet_view {
    duet_split split;
    int64_t count;
    int64_t *index; /* count indices into the split; owned */
} duet_view;
DUET_NODISCARD duet_status duet_view_all(duet_view *out, const duet_dataset *dataset,
                                         duet_split split);
/* Splits `in` at random (seed; stratified by class where labelled) into `first` rows and at most
 * `second` other rows, each sorted by index. When in has fewer rows than first + second both shrink
 * in proportion. The first f rows drawn for one seed contain those drawn for any smaller f: label
 * fractions are nested. out_second may be NULL when second is 0. */
DUET_NODISCARD duet_status duet_view_divide(duet_view *out_first, duet_view *out_second,
                                            const duet_dataset *dataset, const duet_view *in,
                                            int64_t first, int64_t second, uint64_t seed);
void duet_view_free(duet_view *view);

/* Label of row `index` of the split, -1 where unlabelled. */
int32_t duet_dataset_label(const duet_dataset *dataset, duet_split split, int64_t index);
/* "train/7/img_001.jpg" or "train[123]": stands in messages and lists. Writes at most size bytes.
 */
void duet_dataset_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                           size_t size);

/* How images become model input: size x size, `channels` (1 or 3), x = v/127.5 - 1 in f32 HWC.
 * fit "center_crop": guided-diffusion's centre crop; "pad": smaller images are centred on their
 * border colour (28 -> 32 keeps pixels as they are: edge replication), larger ones are centre
 * cropped; "imagenet":
 * as torchvision evaluates, without a border of an eighth (images that would have to be enlarged:
 * center_crop); "auto" (also ""): pad when neither side is larger than size and both are smaller by
 * less than 20 %, else centre crop. */
typedef struct duet_preprocess {
    int64_t size;
    int channels;
    char fit[16]; /* "auto", "center_crop", "pad", "imagenet" */
    double mean[3],
        std[3]; /* of colours in 0..1: x = (v/255 - mean) / std instead, where std is not 0 */
} duet_preprocess;

/* One image, preprocessed, as u8 HWC (size*size*channels bytes). */
DUET_NODISCARD duet_status duet_dataset_read(const duet_dataset *dataset, duet_split split,
                                             int64_t index, const duet_preprocess *how,
                                             uint8_t *out);
/* The same for any image file (classify, edit). */
DUET_NODISCARD duet_status duet_image_load(const char *path, const duet_preprocess *how,
                                           uint8_t *out);

/* Rows whose image cannot be read. Where an operation takes such a record, they are left out of all
 * that it does and put there, and rows that are there already are not read; without one (NULL) the
 * first of them ends it. One record is for one data set; threads may share it. */
typedef struct duet_bad_images duet_bad_images;
DUET_NODISCARD duet_status duet_bad_images_new(duet_bad_images **out);
void duet_bad_images_free(duet_bad_images *bad);
/* NULL has none. */
int64_t duet_bad_images_count(duet_bad_images *bad, duet_split split);
/* Why a row is left out; NULL: it is not. Borrowed from the record. */
const char *duet_bad_images_reason(duet_bad_images *bad, duet_split split, int64_t index);
/* The same of the first row, by split and index; "" without any. */
const char *duet_bad_images_first(duet_bad_images *bad);

/* Batches of preprocessed images; decoding runs in worker threads, at most a few batches ahead. */
typedef struct duet_loader duet_loader;
typedef struct duet_loader_options {
    duet_preprocess preprocess;
    int64_t batch;
    bool shuffle; /* order of epoch e = permutation(seed, e); else the view's order, once */
    uint64_t seed;
    int64_t start; /* first row to deliver, counted over all epochs (resume) */
    /* "" or specs joined by '+': "flip+crop:pad=2"; a draw depends on (seed, position) */
    char augment[DUET_TEXT_SIZE];
    /* "stop" (default when empty): fail with the row's name. "skip": the next readable row of the
     * view, in view order and wrapping around, takes its place (index and label are that row's) and
     * the log names the corrupt one once; still a pure function of (seed, position) */
    char on_bad[8];
    int workers; /* 0 = 1 */
    /* Instead of on_bad, without shuffle: batches lack the rows that are, or come, into the
     * record. */
    duet_bad_images *bad;
} duet_loader_options;

typedef struct duet_batch {
    int64_t count;         /* rows valid; the last batch of a pass may be short */
    const uint8_t *pixels; /* [batch,size,size,channels] u8 */
    const int32_t *labels; /* [batch], -1 unlabelled */
    const int64_t *index;  /* [batch], row in the split */
    int64_t position;      /* of the first row, counted over all epochs */
} duet_batch;

DUET_NODISCARD duet_status duet_loader_open(duet_context *ctx, duet_loader **out,
                                            const duet_dataset *dataset, const duet_view *view,
                                            const duet_loader_options *options);
/* Borrowed until the next call. count = 0: the pass is over (only without shuffle; with shuffle it
 * never ends and every batch is full, running over the epoch's edge). A failed loader keeps failing
 * with the same message. */
DUET_NODISCARD duet_status duet_loader_next(duet_loader *loader, duet_batch *out);
int64_t duet_loader_skipped(const duet_loader *loader); /* bad images left out so far */
void duet_loader_close(duet_loader *loader);

/* Writes a split as PNGs in order, scaled to size x size as duet_dataset_read does (0 = as they
 * are): a path that ends in .zip gets what EDM and StyleGAN read (square images of one size, labels
 * in dataset.json), one in .tar WebDataset's samples, spread over shards where it has a range in
 * braces ("x-{000..012}.tar"). The same set gives the same bytes. Zips are put together in
 * memory. bad may be NULL. */
DUET_NODISCARD duet_status duet_dataset_pack(duet_context *ctx, const duet_dataset *dataset,
                                             duet_split split, int64_t size, const char *path,
                                             duet_bad_images *bad);

/* u8 -> f32: x = v/127.5 - 1. */
void duet_pixels_to_float(float *out, const uint8_t *in, int64_t count);
/* f32 in [-1,1] -> u8 with clamping and rounding to nearest. */
void duet_float_to_pixels(uint8_t *out, const float *in, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
