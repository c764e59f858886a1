/* SPDX-License-Identifier: MIT
 * study/invariance.h: how good features are, without labels. Each image is seen twice, changed at
 * random (mirrored, cut, brighter) and with noise of its own. With z the features of both views,
 * standardised and projected on their first k <= 128 principal components, T their covariance and
 * W that of half the differences of pairs,
 *
 *   information = 1/2 [log det(T + l) - log det(W + l)],  l = 0.01 tr(T) / k
 *
 * is the mutual information of image and features if both were normal: large where many directions
 * tell images apart and views of one image agree. (Cf. invariance relative to spread, arXiv
 * 2606.09718; the coding rate of Yu et al. 2020.) */
#ifndef DUET_STUDY_INVARIANCE_H
#define DUET_STUDY_INVARIANCE_H

#include <duet/feature.h>

/* z [2 n, d]: rows i and n + i are views of one image; overwritten. Nats. */
DUET_NODISCARD duet_status duet_information(double *out, float *z, int64_t n, int64_t d);
/* Of all columns of a reader on the rows of a view: information[columns]. */
DUET_NODISCARD duet_status duet_invariance(duet_context *ctx, double *information,
                                           duet_reader *reader, const duet_dataset *dataset,
                                           const duet_view *view, uint64_t seed,
                                           duet_bad_images *bad);

#endif
