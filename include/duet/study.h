/* SPDX-License-Identifier: MIT
 * duet/study.h: what the commands sweep, probe and classify do. Results are JSON files of the run
 * folder (docs/run_folder.md) and the structs below. */
#ifndef DUET_STUDY_H
#define DUET_STUDY_H

#include <duet/head.h>
#include <duet/metric.h>
#include <duet/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings and baselines ---- */

/* Where the settings of a study come from: "given", "card" (what is not given is what the model
 * recommends), or "" (something is missing that the model does not recommend either). Levels by
 * sigma are resolved, and the settings checked. */
DUET_NODISCARD duet_status duet_settings_find(duet_context *ctx, duet_settings *settings,
                                              const char **from, duet_model *model);
/* Fills in what is missing without looking at data: t 10, the tap in the middle, pool 2. */
DUET_NODISCARD duet_status duet_settings_guess(duet_context *ctx, duet_settings *settings,
                                               duet_model *model);

/* Readers beside the model in results: names of the family `reader`, joined by '+'. */
#define DUET_BASELINES "random+pixels"
enum { DUET_MOST_READERS = 8 };

/* ---- sweep ---- */

typedef struct duet_sweep_options {
    duet_int_list t, pools, taps; /* empty taps = all */
    int64_t fit_rows, val_rows;   /* at most, from the training split; 0 fit_rows = all rows */
    /* "" = none; those of settings are read at the winner's t over all taps and pools */
    char baselines[DUET_TEXT_SIZE];
    uint64_t seed;
    int64_t batch;
    char head[DUET_TEXT_SIZE]; /* specs of heads, joined by '+'; "" = linear */
    char cache[4096];
    duet_dtype stored;    /* of the features in the cache: DUET_F32 or DUET_F16 */
    duet_bad_images *bad; /* NULL, or the record of images that are left out; every row of the
                             result leaves out the same images */
    /* 0 = no limit; else the first rows and heads are timed, and as many rows and then pools (the
     * largest first) are left out as the time demands. */
    double minutes;
} duet_sweep_options;

typedef struct duet_sweep_row {
    char reader[16];
    duet_setting setting; /* zeros where the reader has none */
    char head[DUET_TEXT_SIZE];
    int64_t dim;
    double strength, top1; /* validation, percent; NaN without labels */
    /* Without labels: of an image in its features, in nats (duet_auto); else 0 */
    double information;
} duet_sweep_row;

typedef struct duet_sweep_result {
    duet_sweep_row *rows; /* owned */
    int64_t count;
    duet_sweep_row best;                         /* of the model */
    duet_sweep_row baselines[DUET_MOST_READERS]; /* the best of each */
    int baseline_count;
    int64_t fit_rows, val_rows;
    double seconds, seconds_heads;
    duet_features_work features;
    duet_int_list pools; /* the pools of the options for which there was time */
} duet_sweep_result;
DUET_NODISCARD duet_status duet_sweep(duet_context *ctx, duet_sweep_result *out, duet_model *model,
                                      const duet_dataset *dataset,
                                      const duet_sweep_options *options);
void duet_sweep_result_free(duet_sweep_result *result);
/* FOLDER/result.json */
DUET_NODISCARD duet_status duet_sweep_save(const duet_sweep_result *result,
                                           const duet_sweep_options *options,
                                           const duet_model *model, const duet_dataset *dataset,
                                           const char *folder);
/* Writes settings and head into the model's card, and the card into its file; which file that is,
 * or that there is none, is added to FOLDER/result.json. *file: NULL where the setting is in the
 * card in memory only: the file is of another program, or cannot be written; why it cannot is the
 * message of *wrote. */
DUET_NODISCARD duet_status duet_recommend(const duet_recommendation *what, duet_model *model,
                                          const char *folder, const char **file,
                                          duet_status *wrote);
/* What a sweep recommends: its best. */
void duet_sweep_recommends(duet_recommendation *out, const duet_sweep_result *result,
                           const duet_dataset *dataset);

/* ---- probe ---- */

typedef struct duet_probe_options {
    duet_settings settings;    /* joined; their draws and views are those of the test rows */
    const char *setting_from;  /* "given", "sweep" or "card"; part of the result */
    char head[DUET_TEXT_SIZE]; /* "linear" */
    char reader[16];           /* beside which the baselines stand; "" = "model" */
    /* 0 = the whole training split; a tenth of it (at most 10,000) chooses the strength */
    int64_t train_rows;
    int noise_seeds; /* noise seeds of the test, from which top1_std is computed; 1..16 */
    char baselines[DUET_TEXT_SIZE]; /* "" = none */
    uint64_t seed;
    int64_t batch;
    char cache[4096];
    duet_dtype stored;    /* of the features in the cache: DUET_F32 or DUET_F16 */
    int neighbours;       /* test images shown with their nearest training images; 0 = none */
    duet_bad_images *bad; /* as in a sweep */
    /* 0 = no limit; else as many training rows are used as there is time for. */
    double minutes;
    /* Of the training rows, whose features are all that is computed. Where it is given (not with
     * train_rows or minutes) the seeds of the test draw the labels too, and a head is trained for
     * each; of fewer than DUET_PROBE_FOLDS rows the strength is chosen on five folds. */
    duet_label_budget labels;
    /* Training rows that do nothing but calibrate the head; 0: the split val where it is not tested
     * on and neither labels nor minutes are limited, else rows that chose the strength, or folds.
     */
    int64_t calibration_rows;
    /* The curve over the number of labels: labels a class, ascending; "few" without numbers: 1, 2,
     * 5, 10, 20, 50, … as far as rows and costs allow. */
    bool few;
    duet_int_list few_labels;
} duet_probe_options;
enum { DUET_PROBE_FOLDS = 2000 };

/* A row of the result: the model or a baseline. top1 on the test split, percent. */
typedef struct duet_probe_row {
    char reader[16];
    duet_settings settings; /* none where the reader has none */
    int64_t dim;
    double strength, top1, val_top1;
    double top1_std;             /* over draws of the labels; 0 without a budget of labels */
    char chosen[DUET_SPEC_SIZE]; /* the head's spec with what validation chose; "" = the strength */
} duet_probe_row;

/* How honest the probabilities are, on the test rows. */
enum { DUET_RELIABILITY_BINS = 15, DUET_CONFORMAL_LEVELS = 4 };
typedef struct duet_reliability_bin {
    int64_t rows;
    double accuracy, confidence; /* 0 … 1; NaN without rows */
} duet_reliability_bin;
typedef struct duet_conformal_level {
    double level;     /* 0.8, 0.9, 0.95, 0.99 */
    double coverage;  /* percent of rows whose class is in their set */
    double mean_size; /* classes of a set */
} duet_conformal_level;
typedef struct duet_probe_calibration {
    duet_calibration made; /* as in the head's card; made.rows = 0: there is none */
    /* expected calibration error (0 … 1) and cross-entropy; [0] of softmax(logits), [1] at the
     * temperature */
    double ece[2], nll[2];
    duet_reliability_bin bins[2][DUET_RELIABILITY_BINS]; /* of equal width of confidence */
    duet_conformal_level sets[DUET_CONFORMAL_LEVELS];
} duet_probe_calibration;

/* A point of the curve over the number of labels: heads on `labels` rows, up to `shots` of each
 * class. Of all readers the rows are the same. */
typedef struct duet_few_row {
    char reader[16];
    int64_t shots, labels;
    int draws;
    double top1, top1_std; /* test, percent: mean and deviation over the draws; NaN of one draw */
} duet_few_row;

typedef struct duet_probe_result {
    double top1, top5, mean_class, top1_std; /* percent, of the model; top1 and top1_std over the
                                                noise seeds of the test; the head is trained once */
    double top1_seeds[16];
    int seeds;
    int classes;
    double *per_class;                      /* [classes]; owned */
    int64_t *confusion;                     /* [classes, classes]; owned */
    duet_probe_row rows[DUET_MOST_READERS]; /* the model, then its baselines */
    int row_count;
    int64_t train_rows, test_rows;
    int label_draws;           /* of a budget of labels; 0 = there is none */
    int label_classes;         /* classes with a row among those of the first draw */
    duet_labels_listed listed; /* of a list */
    duet_probe_calibration calibration;
    duet_few_row *few;                /* [few_count], reader after reader; owned */
    int64_t few_count, few_test_rows; /* the test rows of these heads: all, or evenly spread ones */
    double seconds, seconds_head, seconds_few;
    duet_features_work features;
} duet_probe_result;
/* Completes the settings by a short sweep, for a model that recommends none: options->settings and
 * setting_from; its time is taken from options->minutes. */
DUET_NODISCARD duet_status duet_probe_sweep(duet_context *ctx, duet_probe_options *options,
                                            duet_model *model, const duet_dataset *dataset);
/* Trains on the split train and tests once on test, or on val where there is no test. Writes
 * result.json, head.safetensors and neighbours.png into folder. */
DUET_NODISCARD duet_status duet_probe(duet_context *ctx, duet_probe_result *out, duet_model *model,
                                      const duet_dataset *dataset,
                                      const duet_probe_options *options, const char *folder);
void duet_probe_result_free(duet_probe_result *result);

/* For unlabelled data sets: FOLDER/neighbours.png from features of the settings. */
DUET_NODISCARD duet_status duet_neighbours(duet_context *ctx, duet_model *model,
                                           const duet_dataset *dataset,
                                           const duet_probe_options *options, const char *folder);

/* ---- while a model is trained ---- */

/* Two measurements on small sets that stay the same, so that a curve can be drawn: the accuracy of
 * the model's own classifier, or else of a linear head on its features (those a card recommends,
 * or duet_settings_guess), and the Frechet distance between drawn and real images, of a judge's
 * features. RUN/meters.csv gets a line for each call. */
typedef struct duet_meters_options {
    int64_t fit_rows, val_rows;   /* of the head; 0 fit_rows = 2,000 and 1,000 */
    int64_t samples;              /* 0 = 256; < 0 = no images are drawn */
    char sampler[DUET_TEXT_SIZE]; /* "" = ddim of 20 steps, or what the model draws with */
    /* whose features (duet_model_feature_setting) are compared; borrowed. NULL = a small residual
     * network with random weights of seed 0, the same for every training of this size */
    duet_model *judge;
} duet_meters_options;
typedef struct duet_meters duet_meters;
/* Nothing is computed yet. What cannot be measured (an unlabelled set has no accuracy, a classifier
 * draws nothing) is left out. The arguments are borrowed until it is closed. */
DUET_NODISCARD duet_status duet_meters_open(duet_context *ctx, duet_meters **out,
                                            const duet_dataset *dataset,
                                            const duet_train_options *training,
                                            const duet_meters_options *options, const char *run);
/* For duet_train_meter: user is the duet_meters. */
duet_status duet_meters_measure(void *user, duet_model *model, const duet_train_moment *moment);
/* Whether the last measurement found copies of training images among the drawn ones. */
bool duet_meters_stops(void *user);
void duet_meters_close(duet_meters *meters); /* NULL is accepted */

/* Top-k classes of image files with a saved head; probabilities at the temperature of its
 * calibration, where it has one. */
typedef struct duet_prediction {
    const char *path;
    int k;
    int label[5];
    double probability[5];
    /* [classes] all of them, the most probable first; borrowed, and NULL from duet_classify */
    int classes;
    const int *ranking;
    const double *probabilities;
    int set; /* the first so many of them are the conformal set; 0 = it was not asked for */
    duet_status status; /* of this image; message in error */
    char error[256];
} duet_prediction;
/* head and card NULL: the model's own classifier. Each image is answered as if it were alone. */
DUET_NODISCARD duet_status duet_classify(duet_context *ctx, duet_prediction *out, duet_model *model,
                                         duet_head *head, const duet_head_card *card,
                                         const char *const *paths, int64_t count);
typedef struct duet_classify_options {
    /* level of the sets of classes (duet_conformal_least), above 0 and below 1; 0 = none. DUET_ARG
     * where the head has no calibration. */
    double conformal;
    /* Answers are means of logits over so many draws of the noise (0 and 1 are one), and over the
     * image and its mirror image. */
    int draws;
    bool flip;
} duet_classify_options;
/* The same one by one, in order, as batches end; found() borrows the prediction. options may be
 * NULL. */
DUET_NODISCARD duet_status duet_classify_each(
    duet_context *ctx, duet_model *model, duet_head *head, const duet_head_card *card,
    const char *const *paths, int64_t count, const duet_classify_options *options,
    void (*found)(const duet_prediction *prediction, void *user), void *user);

/* How the classes of a data set correspond to the outputs of a classifier: by name where both have
 * names (ignoring case, blanks, '_' and '-'), else by number, where there are equally many. */
typedef struct duet_evaluation {
    duet_metrics *metrics; /* owned; rows of classes without an output are not counted */
    duet_metric_result result;
    int64_t rows; /* counted */
    int outputs;
    bool by_name;
    int matched;       /* classes of the set that have an output */
    int64_t unmatched; /* rows of the other classes, which are not counted */
    char others[200];  /* names of those classes: "'boat', 'train'" */
    /* of the sets of classes, where options->conformal is set: rows whose class is in theirs, in
     * percent, and classes of a set; else NaN */
    double coverage, mean_size;
} duet_evaluation;
/* Metrics of a head and its features, or of the model's own classifier (head and card NULL), on all
 * rows of a split: a list for duet_metrics_open, "" = accuracy; probabilities are those of
 * duet_classify. Refused where no class matches, or where the correspondence is not known. options
 * and bad may be NULL. */
DUET_NODISCARD duet_status duet_evaluate(duet_context *ctx, duet_evaluation *out, duet_model *model,
                                         duet_head *head, const duet_head_card *card,
                                         const duet_dataset *dataset, duet_split split,
                                         const char *metrics, const duet_classify_options *options,
                                         duet_bad_images *bad);
void duet_evaluation_free(duet_evaluation *evaluation);

/* ---- presets: probes as papers and libraries do them ---- */

typedef struct duet_probe_preset {
    const char *name, *help; /* help: what it does, and of whom it is */
    const char *head;        /* spec */
    /* blocks in the papers' count, of BLOCKS in all; 0 = not said: another model's tap is at the
     * same share of its taps */
    duet_settings settings;
} duet_probe_preset;
/* All of them. */
const duet_probe_preset *duet_probe_presets(int *count);
/* DUET_ARG with their names where there is none of this name. */
DUET_NODISCARD duet_status duet_probe_preset_find(const duet_probe_preset **out, const char *name);
/* What the settings do not say becomes that of the preset, for the taps of the model: pools are
 * those of the preset or the side of the map, where it is smaller. */
void duet_probe_preset_fill(const duet_probe_preset *preset, duet_settings *settings,
                            const duet_model *model);

/* ---- the books of a run ---- */

/* A look at images of a test split. */
typedef struct duet_test_look {
    const char *command, *data;
    const char *head;   /* spec; NULL = the model's own classifier */
    const char *reader; /* NULL = the model */
    duet_split split;
    const duet_settings *settings; /* NULL = none */
    uint64_t model_hash;
    int64_t rows, heads; /* images; heads, and draws of noise or labels, that were tested on them */
    double top1;         /* percent; NaN = not measured */
} duet_test_look;
/* Appends a line to RUN/tests.jsonl (docs/run_folder.md). RUN is `path` or the nearest of the eight
 * folders above it that is a run, and `path` inside it is the line's "step"; where there is no run
 * nothing is written. */
DUET_NODISCARD duet_status duet_books_add(const char *path, const duet_test_look *look);

/* ---- judging images ---- */

/* A judge reads images for metrics: features, and logits of a model that is a classifier. */
typedef struct duet_judge duet_judge;
typedef struct duet_judge_options {
    char reader[DUET_TEXT_SIZE]; /* spec of the family `reader`; "" = "model" */
    /* Of the features. None: what a recogniser calls its own (duet_model_feature_setting), what the
     * model's card recommends, or what duet_settings_guess says. Pool 1 where it is not said. */
    duet_settings settings;
    duet_settings spatial; /* of further features, which keep the place in the image; none = none */
    int64_t batch;         /* images per pass; 0 = chosen */
} duet_judge_options;
typedef struct duet_judge_info {
    const char *reader;              /* of the family `reader`: "model" or "pixels" */
    uint64_t hash;                   /* of network and weights; 0 = there is none */
    duet_preprocess preprocess;      /* what becomes of images */
    duet_settings settings, spatial; /* none where the reader has none */
    const char *setting_from;        /* "given", "model", "card", "guess"; "" = none */
    int64_t dim, spatial_dim;
    int classes;                    /* of the logits; 0 = none */
    const char *const *class_names; /* NULL = none */
    unsigned gives;                 /* of duet_metric_input */
} duet_judge_info;
/* model NULL: the pixels themselves, prepared by `how`; else `how` NULL = as its card says. The
 * model is borrowed until the judge is closed. */
DUET_NODISCARD duet_status duet_judge_open(duet_context *ctx, duet_judge **out, duet_model *model,
                                           const duet_preprocess *how,
                                           const duet_judge_options *options);
void duet_judge_close(duet_judge *judge); /* NULL is accepted */
const duet_judge_info *duet_judge_describe(const duet_judge *judge);
/* Labels that come are those of classes of these names (NULL = numbers) from now on; metrics get
 * the outputs. DUET_ARG or DUET_SHAPE where the correspondence is not known. set: in messages. */
DUET_NODISCARD duet_status duet_judge_match(duet_judge *judge, const char *set,
                                            const char *const *names, int count);
typedef struct duet_judge_feed {
    duet_metrics *features; /* they get features, logits and labels */
    duet_metrics *images;   /* they get the images as the source gives them; NULL = none */
    bool real;              /* the features are those of the real rows (duet_metrics_real_add) */
    bool more;              /* real rows of further sources follow */
    int64_t first;          /* added to the numbers of the rows */
    const char *task;       /* name in progress reports */
} duet_judge_feed;
/* Reads a source to its end; its images may be of any size, grey or in colour. rows may be NULL. */
DUET_NODISCARD duet_status duet_judge_read(duet_judge *judge, duet_source *source,
                                           const duet_judge_feed *feed, int64_t *rows);

#ifdef __cplusplus
}
#endif
#endif
