/* SPDX-License-Identifier: MIT
 * head/maps.h: the maps that stand side by side in a row of features, for heads that look at their
 * places. */
#ifndef DUET_HEAD_MAPS_H
#define DUET_HEAD_MAPS_H

#include <duet/feature.h>
#include <jansson.h>

#include "engine/graph/graph.h"

/* The maps of rows of dim numbers: `maps` where they are that many, else one vector. */
duet_feature_maps duet_maps_of(const duet_feature_maps *maps, int64_t dim);
bool duet_maps_equal(const duet_feature_maps *a, const duet_feature_maps *b);
/* Map i of rows x[B,D]: [B,side,side,channels] */
duet_value duet_maps_take(duet_graph *graph, const duet_feature_maps *maps, int i, duet_value x);
/* A list of [t, tap, side, channels]; new reference. */
json_t *duet_maps_json(const duet_feature_maps *maps);
/* Back, where it is such a list of dim numbers in all; else one vector. */
duet_feature_maps duet_maps_read(const json_t *list, int64_t dim);

#endif
