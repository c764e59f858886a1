/* SPDX-License-Identifier: MIT
 * cli/eval.h: what duet eval compares: two sides, each a data set, a model that draws, or
 * statistics. */
#ifndef DUET_CLI_EVAL_H
#define DUET_CLI_EVAL_H

#include "cli/cli.h"

typedef struct eval_options {
    char against[CLI_PATH], against_split[DUET_TEXT_SIZE], split[DUET_TEXT_SIZE], reader[CLI_PATH],
        resize[DUET_TEXT_SIZE], setting[DUET_SETTINGS_SIZE], spatial[DUET_SETTINGS_SIZE],
        metrics[1024], save_stats[CLI_PATH], copies[CLI_PATH], sampler[DUET_TEXT_SIZE],
        on_bad[DUET_TEXT_SIZE];
    int64_t real, size, count, batch;
    uint64_t seed;
    bool bounds;
} eval_options;

typedef struct eval_side {
    const char *path;
    duet_dataset *set;                  /* NULL = it is none */
    duet_model *model;                  /* that draws; NULL = none */
    duet_moments moments, spatial;      /* dim 0 = none; of a set, beside its images */
    const duet_preprocess *model_takes; /* of the model */
    bool all;                           /* of a set: all its splits, else: */
    duet_split split;
    duet_view view;               /* rows of the split; count 0 = all */
    duet_bad_images *bad;         /* borrowed for the samples, owned for the other side */
    char sampler[DUET_TEXT_SIZE]; /* of a model: by which it drew */
    int64_t rows; /* read or drawn; of statistics those that their file names, 0 = unknown */
} eval_side;

/* Opens a path. draws: it may be a model. */
duet_status cli_side_open(cli_state *cli, eval_side *out, const char *path, bool draws);
void cli_side_close(eval_side *side);
bool cli_side_images(const eval_side *side); /* there are images, of a set or of a model */
int64_t cli_side_count(const eval_side *side, const eval_options *o); /* images; before reading */
/* Size and channels of its images. */
void cli_side_size(const eval_side *side, int64_t *size, int *channels);
/* The splits and rows of both sides, as the options say: disjoint halves where they are the same.
 */
duet_status cli_sides_divide(const eval_options *o, eval_side *samples, eval_side *real,
                             bool *halves);
/* Square images of one size: a judge gets them as they are. Others are brought to its size. */
bool cli_side_alike(const eval_side *side);
/* Reads all images of a side for the judge. Of the samples `images` may get them too, or, judge
 * NULL, alone. */
duet_status cli_side_read(cli_state *cli, eval_side *side, duet_judge *judge,
                          duet_metrics *features, duet_metrics *images, bool real);

/* One end of the scale of the distance; rows 0 = not measured. */
typedef struct eval_bound {
    int64_t rows;
    double distance, top1; /* top1: of the reader as a classifier, percent; NaN = it is none */
    const char *split;     /* of real images */
} eval_bound;

/* What is compared, by what, and the results. */
typedef struct eval {
    cli_state *cli;
    const eval_options *o;
    eval_side samples, real;
    bool halves;
    duet_model *reader; /* NULL = raw pixels */
    duet_judge *judge;  /* NULL = nothing needs features */
    duet_bad_images *bad_real;
    char list[1024], of_images[1024], of_features[1024]; /* metrics; the parts of the list */
    duet_metrics *images, *features;
    duet_metric_result image_result, feature_result;
    duet_metric_value distance[2]; /* of statistics, without rows */
    eval_bound floor, ceiling;     /* real images, random bytes */
    char few[256];                 /* why the distance is not to be trusted; "" = it is */
} eval;

/* Fills floor and ceiling, once the samples are measured. */
duet_status cli_eval_bounds(eval *e);
/* The drawn images that are likest to training images, with these, as a picture; nothing is made
 * where `authpct` was not measured. */
duet_status cli_eval_copies(const eval *e, const char *path, bool *made);
/* Says what was measured; of a run also in the run and its report. */
duet_status cli_eval_show(eval *e);

#endif
