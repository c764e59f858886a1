/* SPDX-License-Identifier: MIT
 * study/families.c: duet_families of duet/registry.h: every family of this build, in the order of
 * docs/map.md: what is trained, on what, how it generates and recognises, the formats, the engine.
 * It is in the topmost layer of the library because it refers to all other layers. */
#include "data/augment/augment.h"
#include "data/dataset/dataset.h"
#include "diffusion/operator/operator.h"
#include "diffusion/sampler/sampler.h"
#include "diffusion/spacing/spacing.h"
#include "engine/backend/backend.h"
#include "engine/graph/graph.h"
#include "engine/op/op.h"
#include "head/head.h"
#include "io/image.h"
#include "io/store/store.h"
#include "io/terminal/terminal.h"
#include "metric/metric.h"
#include "noise/noise.h"
#include "optim/average/average.h"
#include "optim/lr/lr.h"
#include "optim/optim.h"
#include "plane/plane.h"
#include "report/section.h"
#include "train/task/task.h"

static const duet_family *const families[] = {
    &duet_family_arch,     &duet_family_noise,   &duet_family_predict, &duet_family_weight,
    &duet_family_task,     &duet_family_optim,   &duet_family_lr,      &duet_family_average,
    &duet_family_dataset,  &duet_family_augment, &duet_family_sampler, &duet_family_spacing,
    &duet_family_operator, &duet_family_reader,  &duet_family_head,    &duet_family_metric,
    &duet_family_plane,    &duet_family_store,   &duet_family_image,   &duet_family_terminal,
    &duet_family_pass,     &duet_family_backend, &duet_family_op,      &duet_family_section,
};

const duet_family *const *duet_families(int *count) {
    *count = DUET_COUNT(families);
    return families;
}
