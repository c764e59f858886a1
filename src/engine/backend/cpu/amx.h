/* SPDX-License-Identifier: MIT
 * cpu/amx.h: Intel's AMX: eight tiles of 16 rows of 64 bytes, and one instruction that multiplies
 * two of them: 16x32 bf16 by 32x16 bf16 (pairs of k side by side, [16 k pairs][16 n][2]) added to
 * 16x16 f32, in 16 cycles. Subnormal numbers count as 0. duet_has_amx() asks the system for the
 * tiles first. A product's block is 2 x 2 tiles of sums, so that each tile that is loaded is
 * multiplied twice. */
#ifndef DUET_CPU_AMX_H
#define DUET_CPU_AMX_H

#include "base/system.h"
#include "engine/backend/cpu/vector.h"

#define AMX_ROWS 16  /* of a tile: pixels of the result, or pairs of channels */
#define AMX_N    16  /* columns of the result */
#define AMX_K    32  /* channels that one product takes */
#define AMX_TILE 512 /* bf16 numbers of a tile; 256 of f32 */

#if defined(__x86_64__) && defined(__linux__) && DUET_LANES == 16
#define DUET_AMX   1

#define AMX_TARGET __attribute__((target("amx-tile,amx-bf16")))

typedef struct amx_shape {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row of each tile */
    uint8_t rows[16];
} amx_shape;

/* The tiles of this thread are all full. (In memory for good: compilers do not see that the
 * instruction reads all of it.) */
AMX_TARGET static inline void amx_begin(void) {
    static const amx_shape full = {.palette = 1,
                                   .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                   .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&full);
}

AMX_TARGET static inline void amx_end(void) {
    _tile_release();
}

/* Where the steps of a block's products read: `chunks` times `taps` rows of `taps` pixels. Strides
 * count bf16 numbers. */
typedef struct amx_steps {
    int64_t chunks, taps;
    int64_t chunk, row, pixel; /* of the source, from one to the next */
    int64_t next;              /* from a row of a tile to the next */
} amx_steps;

/* sums[2 pixel tiles][2 column tiles] (+)= source . weights: tiles of the source begin at a[0] and
 * a[1], steps of the weights lie behind each other from b[0] and b[1] on. */
AMX_TARGET static inline void amx_block(float *sums, const uint16_t *const *a,
                                        const uint16_t *const *b, const amx_steps *s, bool first) {
    const uint16_t *b0 = b[0], *b1 = b[1];
    const int64_t next = s->next * 2;
    __asm__ volatile("" ::: "memory"); /* what tiles are loaded from is written before */
    if (first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, 64);
        _tile_loadd(1, sums + 256, 64);
        _tile_loadd(2, sums + 512, 64);
        _tile_loadd(3, sums + 768, 64);
    }
    for (int64_t i = 0; i < s->chunks; i++) {
        for (int64_t u = 0; u < s->taps; u++) {
            for (int64_t v = 0; v < s->taps; v++, b0 += AMX_TILE, b1 += AMX_TILE) {
                const int64_t at = i * s->chunk + u * s->row + v * s->pixel;
                _tile_loadd(4, a[0] + at, next);
                _tile_loadd(6, b0, 64);
                _tile_dpbf16ps(0, 4, 6);
                _tile_loadd(7, b1, 64);
                _tile_dpbf16ps(1, 4, 7);
                _tile_loadd(5, a[1] + at, next);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
        }
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
}

/* An entry of a table of AMX kernels, with supports(), pays() and plan() of the file. All of them
 * round what they multiply to bf16; `weights`: they take weights that are stored as bf16. */
#define AMX_KERNEL(of, called, weights, runs)                                                    \
    {                                                                                            \
        .op = of, .name = called, .rounds = true, .bf16_weights = weights, .supports = supports, \
        .pays = pays, .plan = plan, .run = runs                                                  \
    }
#endif

#endif
