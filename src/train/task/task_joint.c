/* SPDX-License-Identifier: MIT
 * Fine-tuning: the network goes on denoising while a head on its features learns classes,
 *   loss = share * denoise + cross-entropy(head(features), labels).
 * Features are those that a reader has at these settings: pooled taps of x_t, t fixed, eps from
 * stream "noise" at the row's position under the seed of the stream "read". In front of the head
 * each channel is standardised by the batch (no gain, no offset), afterwards by running means,
 * which the saved head contains. Rows without a label only denoise. With share=0 nothing denoises:
 * the network becomes a classifier, and stops before the layers that the head does not need.
 * Column: the accuracy, in percent, on the training batches. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"
#include "head/head.h"
#include "optim/average/average.h"
#include "train/task/denoise.h"

enum { MOST_LEVELS = 4, INNER_BYTES = 8192, FIRST_PASS = 2 /* behind those of denoise */ };
enum { JOINT_TOP1 = 4 /* column */ };
#define MOMENTUM 0.1
#define EPS      1e-5

typedef struct joint_options {
    char head[DUET_TEXT_SIZE], setting[DUET_TEXT_SIZE], denoise[DUET_TEXT_SIZE];
    double share, smoothing;
} joint_options;

static const duet_param rows[] = {
    DUET_TEXT(joint_options, setting, "", NULL,
              "features that the head reads: (t=5,tap=10,pool=4), several joined by '+'"),
    DUET_TEXT(joint_options, head, "attention", NULL,
              "a head that is a network: NAME or (NAME:key=value) ('duet help head')"),
    DUET_FLOAT(joint_options, share, "1", 0, 1e6, "weight of the denoising; 0 = no denoising"),
    DUET_FLOAT(joint_options, smoothing, "0.1", 0, 0.99,
               "share of each label that is spread over all classes"),
    DUET_TEXT(joint_options, denoise, "", NULL, "options of the task denoise, in parentheses"),
};

typedef struct joint_prepared {
    const duet_task *denoise;
    duet_choice options; /* of it */
    union {
        max_align_t align;
        uint8_t bytes[INNER_BYTES];
    } inner; /* prepared by it */
    duet_settings settings;
    int of[DUET_MOST_SETTINGS]; /* level of each setting */
    duet_level level[MOST_LEVELS];
    int levels;
    duet_head head; /* kind, choice, classes and maps: what a graph is built of */
} joint_prepared;

static const joint_prepared *joint_of(const duet_task_setup *setup) {
    return setup->prepared;
}

/* The setup as the task denoise sees it. */
static duet_task_setup inner_of(const duet_task_setup *setup, const joint_prepared *p) {
    duet_task_setup inner = *setup;
    inner.prepared = &p->inner;
    return inner;
}

/* ---- options ---- */

static duet_status take_settings(joint_prepared *p, const joint_options *o,
                                 const duet_task_setup *setup) {
    DUET_TRY(duet_settings_parse(&p->settings, o->setting));
    DUET_TRY(duet_settings_check(&p->settings, setup->model));
    if (p->settings.count == 0)
        return duet_fail(DUET_ARG, "the task 'joint' needs the features that its head reads: "
                                   "setting=(t=5,tap=10,pool=4)");
    for (int i = 0; i < p->settings.count; i++) {
        const duet_setting *const s = &p->settings.v[i];
        int l = 0;
        if (s->t == DUET_LEVEL_UNSET || s->tap == 0 || s->pool == 0)
            return duet_fail(DUET_ARG, "a setting of the task 'joint' says t, tap and pool");
        if (s->draws > 1 || s->flip || s->channels > 0)
            return duet_fail(DUET_ARG, "settings of the task 'joint' have t, tap and pool only");
        while (l < p->levels && (int64_t)p->level[l].t != s->t) l++;
        if (l == MOST_LEVELS)
            return duet_fail(DUET_ARG, "settings of the task 'joint' are of %d levels at most",
                             MOST_LEVELS);
        if (l == p->levels) p->level[p->levels++] = duet_noise_level(setup->noise, s->t);
        p->of[i] = l;
    }
    return DUET_OK;
}

static duet_status take_head(joint_prepared *p, const joint_options *o,
                             const duet_task_setup *setup) {
    duet_head *const head = &p->head;
    DUET_TRY(duet_head_parse(&head->choice, o->head));
    head->kind = duet_head_of(head->choice.entry);
    head->classes = setup->classes;
    head->maps.count = p->settings.count;
    for (int i = 0; i < p->settings.count; i++) {
        const duet_setting *const s = &p->settings.v[i];
        const int64_t channels = setup->model->taps[s->tap - 1].channels;
        head->maps.v[i] = (duet_feature_map){s->t, s->tap, s->pool, channels};
        head->dim += s->pool * s->pool * channels;
    }
    if (head->kind->build != NULL) return DUET_OK;
    return duet_fail(
        DUET_ARG,
        "the head '%s' has a solver of its own and cannot be trained with the network; "
        "take mlp, cnn, attention or fusion",
        head->choice.entry->name);
}

static duet_status prepare(const void *options, const duet_task_setup *setup, void *prepared) {
    const joint_options *o = options;
    joint_prepared *const p = prepared;
    char spec[DUET_SPEC_SIZE];
    duet_format(spec, sizeof spec, "denoise%s%s", o->denoise[0] != '\0' ? ":" : "", o->denoise);
    DUET_TRY(duet_choice_parse(&p->options, &duet_family_task, spec));
    p->denoise = duet_task_of(p->options.entry);
    _Static_assert(sizeof(denoise_prepared) <= INNER_BYTES, "room for what denoise prepares");
    const duet_task_setup inner = inner_of(setup, p);
    DUET_TRY(p->denoise->prepare(&p->options.options, &inner, &p->inner));
    DUET_TRY(take_settings(p, o, setup));
    return take_head(p, o, setup);
}

static int64_t kept(const void *options, const duet_task_setup *setup) {
    const joint_prepared *const p = joint_of(setup);
    const duet_task_setup inner = inner_of(setup, p);
    (void)options;
    return p->denoise->kept(&p->options.options, &inner);
}

/* ---- graph ---- */

typedef struct watched {
    const joint_prepared *p;
    int level;
    duet_value map[DUET_MOST_SETTINGS];
} watched;

static duet_value watch(duet_graph *g, const duet_tap_info *tap, duet_value x, void *user) {
    watched *const w = user;
    for (int i = 0; i < w->p->settings.count; i++)
        if (w->p->of[i] == w->level && w->p->settings.v[i].tap == tap->block)
            w->map[i] = duet_adaptive_pool(g, x, w->p->settings.v[i].pool);
    return x;
}

/* The network at level l; its inputs are read<l>_x and read<l>_net_t. */
static void read_level(duet_graph *g, const duet_task_setup *setup, int l, watched *w) {
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t B = setup->batch, S = shape->size;
    char name[2][24];
    duet_value gives[DUET_PART_GIVES];
    snprintf(name[0], sizeof name[0], "read%d_x", l);
    snprintf(name[1], sizeof name[1], "read%d_net_t", l);
    duet_model_inputs in = {.y = DUET_NONE,
                            .low_res = DUET_NONE,
                            .z = DUET_NONE,
                            .self_cond = DUET_NONE,
                            .augment = DUET_NONE,
                            .training = true};
    in.x = duet_input(g, name[0], DUET_F32, 4, (int64_t[]){B, S, S, shape->in_channels});
    in.net_t = duet_input(g, name[1], DUET_F32, 1, &B);
    in.sample_id = duet_input(g, "sample_id", DUET_I32, 1, &B);
    if ((shape->parts[0].takes & DUET_BIT(Y)) != 0)
        in.y = duet_input(g, "read_y", DUET_I32, 1, &B); /* class 0, as readers do */
    w->level = l;
    const duet_part_mark mark = duet_part_push(g, "", FIRST_PASS + l);
    duet_graph_set_tap_hook(g, watch, w);
    shape->parts[0].build(g, setup->model->config, &in, gives);
    duet_graph_set_tap_hook(g, NULL, NULL);
    duet_part_pop(g, mark);
}

/* Channels of a map by the batch, in the part of the head: standard<i>.mean and .var follow. */
static duet_value standardise(duet_graph *g, int i, duet_value x) {
    static const char *const names[] = {"mean", "var"};
    const int64_t C = duet_dim(g, x, -1);
    duet_value now[2] = {DUET_NONE, DUET_NONE};
    const duet_value one = duet_fill(g, 1.0, 1, &C), none = duet_fill(g, 0.0, 1, &C);
    x = duet_batch_norm_train(g, x, one, none, EPS, &now[0], &now[1]);
    const size_t mark = duet_scope_push(g, "standard%d", i);
    for (int k = 0; k < 2; k++) {
        const duet_init init = {.kind = k == 0 ? DUET_INIT_ZERO : DUET_INIT_ONE};
        const duet_value old = duet_parameter(g, names[k], DUET_STATISTIC, init, 1, &C);
        duet_assign(
            g, old,
            duet_add(g, duet_scale(g, old, 1.0 - MOMENTUM), duet_scale(g, now[k], MOMENTUM)));
    }
    duet_scope_pop(g, mark);
    return duet_reshape(g, x, 2, (int64_t[]){duet_dim(g, x, 0), -1});
}

static void classify(duet_graph *g, const joint_options *o, const duet_task_setup *setup,
                     duet_task_values *to, duet_value *loss) {
    const joint_prepared *const p = joint_of(setup);
    watched w = {.p = p};
    duet_value x = DUET_NONE, per_row = DUET_NONE;
    for (int l = 0; l < p->levels; l++) read_level(g, setup, l, &w);
    const duet_value id = duet_input(g, "sample_id", DUET_I32, 1, &setup->batch),
                     labels = duet_input(g, "labels", DUET_I32, 1, &setup->batch);
    const duet_part_mark mark = duet_part_push(g, DUET_HEAD_PART, 0);
    for (int i = 0; i < p->settings.count; i++) {
        const duet_value one = standardise(g, i, w.map[i]);
        x = x == DUET_NONE ? one : duet_concat(g, x, one);
    }
    const duet_value logits = p->head.kind->build(g, &p->head, x, id);
    duet_part_pop(g, mark);
    duet_cross_entropy(g, logits, labels, o->smoothing, loss, &per_row);
    to->scalars[JOINT_TOP1] = duet_scale(g, duet_top1(g, logits, labels), 100.0);
}

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    const joint_options *const o = options;
    const joint_prepared *const p = joint_of(setup);
    const duet_task_setup inner = inner_of(setup, p);
    duet_value loss = DUET_NONE;
    if (o->share > 0) DUET_TRY(p->denoise->build(&p->options.options, &inner, program, g, to));
    classify(g, o, setup, to, &loss);
    to->loss = o->share > 0 ? duet_add(g, duet_scale(g, to->loss, o->share), loss) : loss;
    return duet_graph_status(g);
}

/* ---- inputs ---- */

static int64_t room(const duet_task_setup *setup) {
    const joint_prepared *const p = joint_of(setup);
    const duet_task_setup inner = inner_of(setup, p);
    const int64_t mine = setup->batch * denoise_dim(setup), its = p->denoise->room(&inner);
    return mine > its ? mine : its;
}

static void feed_level(const duet_task_setup *setup, const duet_task_feed *to, int l) {
    const joint_prepared *const p = joint_of(setup);
    const int64_t dim = denoise_dim(setup);
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "read", (uint64_t)l), 0);
    char name[24];
    snprintf(name, sizeof name, "read%d_x", l);
    float *const x = duet_session_input(to->session, name);
    snprintf(name, sizeof name, "read%d_net_t", l);
    float *const t = duet_session_input(to->session, name);
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < setup->batch; r++) {
        float *const row = x + r * dim, *const eps = to->scratch + r * dim;
        duet_pixels_to_float(row, to->batch->pixels + r * dim, dim);
        duet_image_noise(eps, seed, to->batch->position + r, dim);
        duet_add_noise(row, row, eps, p->level[l], dim);
        if (t != NULL) t[r] = (float)p->level[l].net_t;
    }
}

static duet_status feed(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to) {
    const joint_options *const o = options;
    const joint_prepared *const p = joint_of(setup);
    const duet_task_setup inner = inner_of(setup, p);
    const int64_t B = setup->batch;
    int32_t *const labels = duet_session_input(to->session, "labels"),
                   *const y = duet_session_input(to->session, "read_y"),
                   *const id = duet_session_input(to->session, "sample_id");
    if (o->share > 0) DUET_TRY(p->denoise->feed(&p->options.options, &inner, program, to));
    memcpy(labels, to->batch->labels, (size_t)B * sizeof *labels);
    if (y != NULL) memset(y, 0, (size_t)B * sizeof *y);
    for (int64_t r = 0; r < B && id != NULL; r++)
        id[r] = (int32_t)((to->batch->position + r) & 0x7FFFFFFF);
    for (int l = 0; l < p->levels; l++) feed_level(setup, to, l);
    return DUET_OK;
}

static duet_status after(const void *options, const duet_task_setup *setup, int program,
                         const duet_task_feed *from) {
    const joint_prepared *const p = joint_of(setup);
    const duet_task_setup inner = inner_of(setup, p);
    if (((const joint_options *)options)->share <= 0) return DUET_OK;
    return p->denoise->after(&p->options.options, &inner, program, from);
}

/* ---- the head that it has trained ---- */

static const float *content(const duet_slots *slots, const char *name) {
    const int64_t at = duet_slots_find(slots, DUET_HEAD_PART, name);
    const int64_t average = at >= 0 ? duet_slots_beside(slots, at, DUET_EMA) : -1;
    return at < 0 ? NULL : duet_slot_data(&slots->list[average >= 0 ? average : at]);
}

/* mean and scale [D]: those of a channel at all its places. */
static void spread_standard(duet_head *head, const duet_slots *slots) {
    int64_t at = 0;
    for (int i = 0; i < head->maps.count; i++) {
        const duet_feature_map *const map = &head->maps.v[i];
        char name[32];
        snprintf(name, sizeof name, "standard%d.mean", i);
        const float *const mean = content(slots, name);
        snprintf(name, sizeof name, "standard%d.var", i);
        const float *const var = content(slots, name);
        for (int64_t k = 0; k < map->side * map->side * map->channels; k++, at++) {
            head->mean[at] = mean[k % map->channels];
            head->scale[at] = (float)(1.0 / sqrt((double)var[k % map->channels] + EPS));
        }
    }
}

static duet_status make_head(duet_context *ctx, const duet_task_setup *setup,
                             const duet_slots *slots, duet_head **out, duet_settings *settings) {
    const joint_prepared *const p = joint_of(setup);
    duet_head_tensor list[DUET_HEAD_TENSORS];
    duet_head *head = NULL;
    DUET_TRY(
        duet_head_new(ctx, &head, &p->head.choice, p->head.classes, &p->head.maps, p->head.dim));
    const int count = head->kind->tensors(head, list);
    for (int i = 0; i < count; i++)
        memcpy(list[i].data, content(slots, list[i].name),
               (size_t)duet_shape_count(&list[i].shape) * sizeof(float));
    spread_standard(head, slots);
    if (head->kind->ready != NULL) head->kind->ready(head);
    *settings = p->settings;
    *out = head;
    return DUET_OK;
}

const duet_task duet_task_joint = {
    .info = {.name = "joint",
             .help = "fine-tune: denoise, and recognise by a head on the features",
             .params = DUET_TABLE(rows, joint_options)},
    .needs = DUET_DENOISES,
    .labels = true,
    .programs = {{.name = "joint"}},
    .program_count = 1,
    .columns = {"loss_q0", "loss_q1", "loss_q2", "loss_q3", "top1"},
    .prepare = prepare,
    .prepared_size = sizeof(joint_prepared),
    .kept = kept,
    .build = build,
    .room = room,
    .feed = feed,
    .after = after,
    .head = make_head,
};
