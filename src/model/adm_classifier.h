/* SPDX-License-Identifier: MIT
 * model/adm_classifier.h: the layers after the middle block in guided-diffusion's classifier of
 * noisy images (EncoderUNetModel). */
#ifndef DUET_MODEL_ADM_CLASSIFIER_H
#define DUET_MODEL_ADM_CLASSIFIER_H

#include "engine/graph/graph.h"

typedef struct duet_adm_end {
    const char *pool;       /* adaptive, attention, spatial or spatial_v2 */
    const duet_value *maps; /* [count] outputs of the input blocks and, last, of the middle block */
    int count;
    int64_t classes, head_channels, groups;
} duet_adm_end;

duet_value duet_adm_classifier(duet_graph *g, const duet_adm_end *end); /* -> scores [B,classes] */

#endif
