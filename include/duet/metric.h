/* SPDX-License-Identifier: MIT
 * duet/metric.h: measures of logits, feature tables and images; never of models. Sums are in double
 * or integer, so partial results of shards merge exactly. */
#ifndef DUET_METRIC_H
#define DUET_METRIC_H

#include <duet/data.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct duet_accuracy {
    int classes;
    int64_t rows; /* labelled rows counted */
    int64_t correct1, correct5;
    int64_t *confusion; /* [classes, classes]: true, predicted; owned */
} duet_accuracy;
DUET_NODISCARD duet_status duet_accuracy_new(duet_accuracy *out, int classes);
/* logits [rows, classes]; ties go to the lower class; rows with label < 0 are not counted. */
void duet_accuracy_add(duet_accuracy *accuracy, const float *logits, const int32_t *labels,
                       int64_t rows);
void duet_accuracy_merge(duet_accuracy *accuracy, const duet_accuracy *other);
double duet_accuracy_top1(const duet_accuracy *accuracy); /* percent */
double duet_accuracy_top5(const duet_accuracy *accuracy);
double duet_accuracy_class(const duet_accuracy *accuracy,
                           int label);                          /* percent; NaN without rows */
double duet_accuracy_mean_class(const duet_accuracy *accuracy); /* the FGVC metric */
void duet_accuracy_free(duet_accuracy *accuracy);

/* k nearest rows of `base` by cosine of standardised features, for each row of `query`; chunked,
 * never queries x base at once. neighbour[queries, k] (row numbers of base, nearest first; ties to
 * the lower). */
DUET_NODISCARD duet_status duet_nearest_rows(int64_t *neighbour, const float *query,
                                             int64_t queries, const float *base, int64_t rows,
                                             int64_t dim, int k);

/* Share of damaged images: those whose mean absolute difference between neighbouring pixels is
 * outside the range of real images. The limits are the 0.1 and 99.9 percentile of real images;
 * above them an image is too rough (speckle), below too flat. Real images first, then
 * duet_damage_limits, then images to judge, in any number of parts. */
typedef struct duet_damage {
    int64_t size; /* of the images: size x size x channels, u8 */
    int channels;
    int64_t real, room;         /* number of real images; capacity of `steps` */
    double *steps;              /* [real] mean differences of the real images; owned */
    double low, high;           /* limits, in grey values of 0..255 */
    int64_t count, rough, flat; /* images judged, and those of them above `high` and below `low` */
} duet_damage;
DUET_NODISCARD duet_status duet_damage_new(duet_damage *out, int64_t size, int channels);
DUET_NODISCARD duet_status duet_damage_real(duet_damage *damage, const uint8_t *pixels,
                                            int64_t count);
DUET_NODISCARD duet_status duet_damage_limits(duet_damage *damage);
/* All three at once, from up to 4,000 training rows drawn at random (fewer where images are large,
 * at least 1,000), prepared like the model's input. */
DUET_NODISCARD duet_status duet_damage_open(duet_context *ctx, duet_damage *out,
                                            const duet_dataset *dataset,
                                            const duet_preprocess *how);
void duet_damage_add(duet_damage *damage, const uint8_t *pixels, int64_t count);
double duet_damage_percent(const duet_damage *damage); /* NaN where nothing was judged */
void duet_damage_free(duet_damage *damage);

#ifdef __cplusplus
}
#endif
#endif
