/* SPDX-License-Identifier: MIT
 * cpu/amx_plan.h: how cpu_amx.c divides a convolution or linear layer into units of work, from the
 * shape and the number of threads alone: rows and images of a unit, whose copied source and sums
 * fit into the L2 cache, parts of the output channels, and the layout of a thread's scratch. */
#ifndef DUET_CPU_AMX_PLAN_H
#define DUET_CPU_AMX_PLAN_H

#include "engine/backend/backend.h"
#include "engine/backend/cpu/amx.h"
#include "engine/backend/cpu/conv_shape.h"
#include "engine/backend/cpu/counts.h"
#include "engine/op/op_list.h"
#include "engine/op/ops_grad.h"

#if defined(DUET_AMX)

/* Bytes of a unit's copied source; with the sums, most of the L2 cache. */
#define AMX_UNIT_BYTES (640 * 1024)
#define AMX_UNIT_TILES 64 /* most tiles of pixels that a unit should have */
/* Steps of the inner product between two visits of the sums: their weights take 20 KiB. */
#define AMX_STEPS  10
#define AMX_PANELS 2              /* panels of AMX_N output channels that are computed together */
#define AMX_SPARE  (3 * AMX_ROWS) /* pixels behind the source of a unit that tiles may read */

typedef struct amx_plan {
    conv_shape s;
    int64_t more; /* of C: channels of a second source */
    bool flipped, pointwise;
    bool bf16;             /* weights are stored so */
    int64_t chunks, group; /* of AMX_K channels; multiplied between two visits of the sums */
    int64_t panels;        /* of AMX_N outputs, an even number */
    int64_t rows, images;  /* of a unit; one of them is all, or one */
    int64_t row_units, units, parts; /* parts: of the output channels */
    int64_t pixels;                  /* of the source of an image, or its part, in a unit */
    int64_t tiles;                   /* of a unit at most */
} amx_plan;

/* Linear layers and 1x1 windows are one column of pixels. */
static conv_shape amx_shape_of(const duet_call *call, bool flipped) {
    const int64_t C = duet_op_last(&call->in[0].shape), N = duet_op_last(&call->out[0].shape),
                  M = duet_shape_count(&call->in[0].shape) / C;
    const bool linear = strncmp(call->op->info.name, "linear", 6) == 0;
    if (!linear) {
        const int64_t k = call->in[1].shape.dim[2];
        const conv_shape s = flipped
                                 ? conv_shape_dx(&call->in[0], &call->out[0], call->attr, k)
                                 : conv_shape_forward(&call->in[0], &call->out[0], call->attr, k);
        if (k > 1 || s.step > 1 || s.spread > 1 || s.shift != 0) return s;
    }
    return conv_shape_column(M, C, N);
}

static int64_t amx_tiles(const conv_shape *s, int64_t rows) {
    if (s->step > 1) return rows * ((s->Q + AMX_ROWS - 1) / AMX_ROWS);
    return ((rows - 1) * s->width + s->Q + AMX_ROWS - 1) / AMX_ROWS;
}

static void amx_share_units(amx_plan *p, int threads) {
    const conv_shape *const s = &p->s;
    const int64_t pixel = p->chunks * AMX_K * (int64_t)sizeof(uint16_t);
    p->rows = s->P;
    while (p->rows > 1 && (amx_tiles(s, p->rows) > AMX_UNIT_TILES + 8 ||
                           conv_source_rows(s, p->rows) * s->width * pixel > AMX_UNIT_BYTES)) {
        p->rows = (p->rows + 1) / 2;
    }
    p->images = 1;
    if (p->rows == s->P) {
        const int64_t fit =
            smaller(AMX_UNIT_TILES / amx_tiles(s, s->P),
                    AMX_UNIT_BYTES / (conv_source_rows(s, s->P) * s->width * pixel));
        p->images = larger(1, smaller(fit, s->B));
    }
    p->row_units = (s->P + p->rows - 1) / p->rows;
    p->units = p->row_units * ((s->B + p->images - 1) / p->images);
    p->parts = p->units >= 4 * threads
                   ? 1
                   : smaller((4 * threads + p->units - 1) / p->units, p->panels / AMX_PANELS);
    if (p->units % threads == 0 || threads == 1) p->parts = 1;
    p->pixels = conv_source_rows(s, p->rows) * s->width;
    p->tiles = round_up(p->images * amx_tiles(s, p->rows), 2);
}

static amx_plan amx_plan_of(const duet_call *call, int threads) {
    const bool flipped = call->inputs == 2;
    amx_plan p = {.s = amx_shape_of(call, flipped),
                  .flipped = flipped,
                  .bf16 = call->in[1].dtype == DUET_BF16};
    if (call->inputs > DUET_INPUT_MORE && call->has_in[DUET_INPUT_MORE])
        p.more = duet_op_last(&call->in[DUET_INPUT_MORE].shape);
    p.s.C += p.more;
    p.chunks = (p.s.C + AMX_K - 1) / AMX_K;
    p.group = larger(1, AMX_STEPS / (p.s.k * p.s.k));
    p.panels = round_up((p.s.N + AMX_N - 1) / AMX_N, AMX_PANELS);
    amx_share_units(&p, threads);
    return p;
}

/* A thread's scratch, in floats: copied source, sums, where tiles begin in it, which pixel of the
 * result each row is. */
typedef struct amx_layout {
    int64_t sums, at, pixel, floats;
} amx_layout;

static amx_layout amx_layout_of(const amx_plan *p) {
    amx_layout at = {
        .sums =
            round_up((p->chunks * p->images * p->pixels + AMX_SPARE * p->s.step) * AMX_K / 2, 16)};
    at.at = at.sums + p->tiles * AMX_PANELS * AMX_TILE / 2;
    at.pixel = at.at + round_up(p->tiles, 16);
    at.floats = at.pixel + p->tiles * AMX_ROWS;
    return at;
}

#endif

#endif
