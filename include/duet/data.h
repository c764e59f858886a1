/* SPDX-License-Identifier: MIT
 * duet/data.h: data sets and the loader. A bare path is enough: the layout is detected. Every read
 * is a pure function of (data set, split, index), so order and threads never change what comes
 * out. */
#ifndef DUET_DATA_H
#define DUET_DATA_H

#include <duet/preprocess.h>
#include <duet/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Part of a data set. */
typedef enum duet_split { DUET_TRAIN, DUET_VAL, DUET_TEST, DUET_SPLIT_COUNT } duet_split;

const char *duet_split_name(duet_split split); /* "train", "val", "test" */
/* The split of a word in upper or lower case. Besides train, val and test: training, trn; valid,
 * validation, dev; testing, tst, eval, evaluation, holdout. */
DUET_NODISCARD duet_status duet_split_parse(duet_split *out, const char *name);

typedef struct duet_dataset duet_dataset; /* an open data set */

/* Something noteworthy about a data set: the number of files, rows or classes concerned, with one
 * reason. */
typedef struct duet_dataset_note {
    const char *reason;  /* "links that lead nowhere" */
    const char *example; /* the name of one of them */
    const char *advice;  /* what to do about it; "" = nothing */
    int64_t count;
    bool quiet; /* expected (hidden files, texts beside the images): not a warning when the set is
                   opened */
} duet_dataset_note;

typedef struct duet_dataset_info {
    const char *name;       /* folder's or archive's base name, without .tar, .tar.gz, .gz; UTF-8 */
    const char *path;       /* as given */
    const char *shown_path; /* the same in UTF-8, for lists and JSON */
    const char *layout;     /* member of the family `dataset` */
    /* of the first image; varied: of 8 rows that are examined, spread over the split, some
     * differ */
    int64_t height, width;
    bool varied;
    int channels; /* 1 or 3; 3 where any of the examined rows has colour */
    bool labelled;
    int class_count;
    /* class_count names ("0", "1", … when the layout has none), in UTF-8: other bytes as \xNN */
    const char *const *class_names;
    int64_t count[DUET_SPLIT_COUNT];
    /* What is in the set but left out, and decisions about the set that may surprise. All of it but
     * the quiet entries was logged through the context when the set was opened. */
    const duet_dataset_note *left_out, *noticed;
    int left_out_count, noticed_count;
    /* of layout, names, labels and content (of folders: file sizes), not of the path; identifies
     * the set in caches */
    uint64_t hash;
} duet_dataset_info;

/* spec: a path (file or folder; its layout is detected), a layout and a path, to override detection
 * ("image_folder:PATH"), or a layout without a path, with options
 * ("synth:size=32,classes=10,train=20000"). */
DUET_NODISCARD duet_status duet_dataset_open(duet_context *ctx, duet_dataset **out,
                                             const char *spec);
void duet_dataset_close(duet_dataset *dataset);
const duet_dataset_info *duet_dataset_describe(const duet_dataset *dataset);
extern const duet_family duet_family_dataset;
extern const duet_family duet_family_augment;

/* The published set that a data set is, and whether it is there as a whole. It is known by its
 * layout or the names of its classes; of several forms of a set the nearest one is meant. */
#define DUET_OFFICIAL_EXAMPLES 3
typedef struct duet_official {
    const char *name;    /* "CUB-200-2011"; NULL = not known, expected and expected_classes are 0 */
    const char *measure; /* how results on it are reported: "top-1 accuracy"; NULL = not known */
    int64_t expected[DUET_SPLIT_COUNT]; /* images */
    int expected_classes;
    /* rows that lists of the set name and whose image is missing; the first of their names, then
     * NULL */
    int64_t missing[DUET_SPLIT_COUNT];
    const char *example[DUET_SPLIT_COUNT][DUET_OFFICIAL_EXAMPLES];
    /* counts and classes are those of the published set, and nothing is missing; of a set that is
     * not known: nothing was left out but what is expected */
    bool complete;
} duet_official;
void duet_dataset_official(duet_official *out, const duet_dataset *dataset);

/* A list of rows of one split, on which commands work. For a set without a validation split some
 * training rows are held out: duet_view_all(TRAIN) + duet_view_divide. */
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
/* The first `shots` labelled rows of each class in the same order: nested as well. A class with
 * fewer rows gives all it has. */
DUET_NODISCARD duet_status duet_view_shots(duet_view *out, const duet_dataset *dataset,
                                           const duet_view *in, int64_t shots, uint64_t seed);
void duet_view_free(duet_view *view);

/* A budget of labels: how many of them a head may use. At most one of the four is set. */
typedef struct duet_label_budget {
    double fraction; /* of the rows, above 0 to 1 */
    int64_t rows;    /* in all */
    int64_t shots;   /* of each class */
    char list[4096]; /* file with the name of an image per line */
} duet_label_budget;
bool duet_label_budget_given(const duet_label_budget *budget);
/* "10%" or "500"; "" = nothing is set. */
DUET_NODISCARD duet_status duet_label_budget_parse(duet_label_budget *out, const char *text);
/* Of three options, of which one is given at most: a text as above, images of each class (0 = not
 * given), a file ("" = not given). */
DUET_NODISCARD duet_status duet_label_budget_of(duet_label_budget *out, const char *labels,
                                                int64_t shots, const char *list);
/* What became of the names of a list. */
typedef struct duet_labels_listed {
    int64_t names, found;       /* lines; rows of the view that they name */
    int64_t unknown, ambiguous; /* names of no row, and of several */
    char first[256];            /* the first of these names */
} duet_labels_listed;
/* The rows of `in` whose labels the budget allows: stratified draws by seed (duet_view_divide,
 * duet_view_shots), or the listed ones. Names of a list match with or without folders in front and
 * an ending of images (the 1 % and 10 % lists of ImageNet by SimCLR); where images have no names
 * they are numbers of rows, from 0. listed may be NULL. DUET_FORMAT where nothing is found. */
DUET_NODISCARD duet_status duet_view_labels(duet_view *out, const duet_dataset *dataset,
                                            const duet_view *in, const duet_label_budget *budget,
                                            uint64_t seed, duet_labels_listed *listed);

/* Label of row `index` of the split, -1 where unlabelled. */
int32_t duet_dataset_label(const duet_dataset *dataset, duet_split split, int64_t index);
/* The name of a row in messages and lists: "train/7/img_001.jpg" or "train[123]". Writes at most
 * size bytes. */
void duet_dataset_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                           size_t size);

/* One image, preprocessed, as u8 HWC (size*size*channels bytes). */
DUET_NODISCARD duet_status duet_dataset_read(const duet_dataset *dataset, duet_split split,
                                             int64_t index, const duet_preprocess *how,
                                             uint8_t *out);
/* The same for any image file. */
DUET_NODISCARD duet_status duet_image_load(const char *path, const duet_preprocess *how,
                                           uint8_t *out);

/* What an image file holds, after decoding: its size, 1 channel of grey or 3 of colour, and whether
 * some of it is transparent. */
typedef struct duet_image_size {
    int64_t width, height;
    int channels;
    bool transparent;
} duet_image_size;
DUET_NODISCARD duet_status duet_image_measure(const char *path, duet_image_size *out);

/* A record of rows whose image cannot be read. An operation with a record leaves such rows out and
 * adds them to it; rows already in it are not read again. Without a record (NULL) the first such
 * row ends the operation. A record belongs to one data set; threads may share it. */
typedef struct duet_bad_images duet_bad_images;
DUET_NODISCARD duet_status duet_bad_images_new(duet_bad_images **out);
void duet_bad_images_free(duet_bad_images *bad);
/* A NULL record has none. */
int64_t duet_bad_images_count(duet_bad_images *bad, duet_split split);
/* Why a row is left out; NULL where it is not. Borrowed from the record. */
const char *duet_bad_images_reason(duet_bad_images *bad, duet_split split, int64_t index);
/* The same for the first row by split and index; "" where there is none. */
const char *duet_bad_images_first(duet_bad_images *bad);

/* Batches of preprocessed images; decoding runs in worker threads, at most a few batches ahead. */
typedef struct duet_loader duet_loader;
typedef struct duet_loader_options {
    duet_preprocess preprocess;
    int64_t batch;
    bool shuffle; /* the order of epoch e is permutation(seed, e); without shuffle one pass in the
                     order of the view */
    uint64_t seed;
    int64_t start; /* first row to deliver, counted over all epochs (resume) */
    /* "" or specs joined by '+': "flip+crop:pad=2"; a draw depends on (seed, position) */
    char augment[DUET_TEXT_SIZE];
    /* "stop" (default when empty): fail with the row's name. "skip": the next readable row of the
     * view, in view order and wrapping around, takes its place (index and label are that row's) and
     * the log names the corrupt one once; still a pure function of (seed, position) */
    char on_bad[8];
    int workers; /* 0 = 1 */
    /* Instead of on_bad, without shuffle: the rows that are in the record, or are added to it, are
     * missing from the batches. */
    duet_bad_images *bad;
    int views; /* of each row, augmented by draws of their own, 1 … 8; 0 = 1 */
} duet_loader_options;

typedef struct duet_batch {
    int64_t count;         /* number of rows; the last batch of a pass may be smaller */
    const uint8_t *pixels; /* [batch,size,size,channels] u8 */
    const int32_t *labels; /* [batch], -1 unlabelled */
    const int64_t *index;  /* [batch], row in the split */
    int64_t position;      /* of the first row, counted over all epochs */
    int views;             /* of each row; pixels are those of view 0, as without views */
    int64_t view_size;     /* view v begins v view_size bytes behind pixels */
} duet_batch;

DUET_NODISCARD duet_status duet_loader_open(duet_context *ctx, duet_loader **out,
                                            const duet_dataset *dataset, const duet_view *view,
                                            const duet_loader_options *options);
/* Borrowed until the next call. count = 0: the pass is over (only without shuffle; with shuffle it
 * never ends and every batch is full, across the boundary of epochs). A failed loader keeps failing
 * with the same message. */
DUET_NODISCARD duet_status duet_loader_next(duet_loader *loader, duet_batch *out);
int64_t duet_loader_skipped(
    const duet_loader *loader); /* unreadable images that were replaced so far */
void duet_loader_close(duet_loader *loader);

/* A source gives batches of images, whatever they come from: rows of a data set, pictures that were
 * written to a path, a model (duet_source_open_samples of duet/sample.h). */
typedef struct duet_source duet_source;
typedef struct duet_source_info {
    int64_t size; /* of the images: size x size x channels, u8 */
    int channels;
    int64_t count; /* images in all, those that cannot be read included; -1 = without end */
} duet_source_info;
/* What a loader gives; the set must outlive the source. */
DUET_NODISCARD duet_status duet_source_open_view(duet_context *ctx, duet_source **out,
                                                 const duet_dataset *dataset, const duet_view *view,
                                                 const duet_loader_options *options);
/* All images of a data set's spec (a folder, a zip, an npz that 'duet sample' has written, or any
 * other), split after split, numbered as they come. Size 0 and channels 0 of options->preprocess
 * are those of the set. */
DUET_NODISCARD duet_status duet_source_open_path(duet_context *ctx, duet_source **out,
                                                 const char *path,
                                                 const duet_loader_options *options);
const duet_source_info *duet_source_describe(const duet_source *source);
/* Borrowed until the next call; count = 0 at the end. Labels are -1 where there are none. */
DUET_NODISCARD duet_status duet_source_next(duet_source *source, duet_batch *out);
void duet_source_close(duet_source *source); /* NULL is accepted */

/* Writes a split as PNGs in order, scaled to size x size as duet_dataset_read does (0 = as they
 * are): a path that ends in .zip gets the format of EDM and StyleGAN (square images of one size,
 * labels in dataset.json), one that ends in .tar gets WebDataset's samples, spread over shards
 * where it has a range in braces ("x-{000..012}.tar"). Names of classes are written too ("classes"
 * of dataset.json; shards: __meta__/classes.json). The same set gives the same bytes. out and
 * bad may be NULL. */
typedef struct duet_pack_result {
    int64_t images;         /* written */
    int64_t greyed, opaque; /* of those: in colour, in a set of grey; transparent, over white now */
    char first_greyed[256], first_opaque[256]; /* the name of one of them */
} duet_pack_result;
DUET_NODISCARD duet_status duet_dataset_pack(duet_context *ctx, duet_pack_result *out,
                                             const duet_dataset *dataset, duet_split split,
                                             int64_t size, const char *path, duet_bad_images *bad);

/* u8 -> f32: x = v/127.5 - 1. */
void duet_pixels_to_float(float *out, const uint8_t *in, int64_t count);
/* f32 in [-1,1] -> u8 with clamping and rounding to nearest. */
void duet_float_to_pixels(uint8_t *out, const float *in, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
