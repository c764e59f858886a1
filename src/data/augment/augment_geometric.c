/* SPDX-License-Identifier: MIT
 * data/augment/augment_geometric.c: changes of place and shape that a network is told of (Karras et
 * al. 2022, "Elucidating the design space of diffusion-based generative models", appendix F.2): it
 * learns from changed images, and with the conditions at zero it draws unchanged ones. Mirroring is
 * drawn for every image, each other change with probability p:
 *   upside down; quarter turns; shift by whole pixels; scale 2^(scale n); rotation by up to
 *   `rotate` pi; stretch along a random axis by 2^(stretch n), across it by the inverse; move by
 *   `move` n of the side (n ~ N(0,1)).
 * Pixels are read where the inverse map leads, bilinearly, with reflection at the borders; whole
 * changes alone are exact. Conditions, in this order, are zero where nothing is changed: mirror,
 * upside down, cos - 1 and sin of quarter turns, shift (2), log2 of the scale / its width, cos - 1
 * and sin of the rotation, stretch along its axis (2), move / its width (2). */
#include <math.h>
#include <string.h>

#include "data/augment/augment.h"

enum { CONDITIONS = 13 };

typedef struct geometric_options {
    double p, shift, scale, rotate, stretch, move;
    bool mirror, upside_down, quarter;
} geometric_options;

static const duet_param params[] = {
    DUET_FLOAT(geometric_options, p, "0.12", 0, 1, "probability of each change but mirroring"),
    DUET_BOOLEAN(geometric_options, mirror, "true", "mirrors half of the images"),
    DUET_BOOLEAN(geometric_options, upside_down, "true", "mirrors up and down"),
    DUET_BOOLEAN(geometric_options, quarter, "false", "turns by 90, 180 or 270 degrees"),
    DUET_FLOAT(geometric_options, shift, "0", 0, 0.5,
               "shift by whole pixels: the most, in parts of the side"),
    DUET_FLOAT(geometric_options, scale, "0.2", 0, 2, "width of log2 of the scale; 0 = none"),
    DUET_FLOAT(geometric_options, rotate, "1", 0, 1, "largest rotation, in parts of pi; 0 = none"),
    DUET_FLOAT(geometric_options, stretch, "0.2", 0, 2, "width of log2 of the stretch; 0 = none"),
    DUET_FLOAT(geometric_options, move, "0.125", 0, 1,
               "width of the move, in parts of the side; 0 = none"),
};

/* What is drawn for an image. */
typedef struct geometry {
    double mirror, upside_down;                  /* 0 or 1 */
    int quarter;                                 /* turns */
    double shift[2];                             /* whole pixels */
    double scale, angle, stretch, axis, move[2]; /* in units of their widths; angles in radians */
} geometry;

static double normal(duet_rng rng, uint64_t at) {
    return sqrt(-2.0 * log(1.0 - duet_rng_uniform(rng, at))) *
           cos(2.0 * M_PI * duet_rng_uniform(rng, at + 1));
}

static geometry draw(const geometric_options *o, duet_rng rng, int64_t size) {
    geometry g = {0};
    const double most = o->shift * (double)size;
    if (o->mirror) g.mirror = duet_rng_uniform(rng, 0) < 0.5 ? 1.0 : 0.0;
    if (o->upside_down && duet_rng_uniform(rng, 1) < o->p)
        g.upside_down = duet_rng_uniform(rng, 2) < 0.5 ? 1.0 : 0.0;
    if (o->quarter && duet_rng_uniform(rng, 3) < o->p) g.quarter = (int)duet_rng_below(rng, 4, 4);
    for (int k = 0; k < 2 && duet_rng_uniform(rng, 5) < o->p; k++)
        g.shift[k] = round(most * (2.0 * duet_rng_uniform(rng, (uint64_t)(6 + k)) - 1.0));
    if (o->scale > 0.0 && duet_rng_uniform(rng, 8) < o->p) g.scale = normal(rng, 9);
    if (o->rotate > 0.0 && duet_rng_uniform(rng, 11) < o->p)
        g.angle = M_PI * o->rotate * (2.0 * duet_rng_uniform(rng, 12) - 1.0);
    if (o->stretch > 0.0 && duet_rng_uniform(rng, 13) < o->p) {
        g.stretch = normal(rng, 14);
        g.axis = M_PI * (2.0 * duet_rng_uniform(rng, 16) - 1.0);
    }
    for (int k = 0; k < 2 && o->move > 0.0 && duet_rng_uniform(rng, 17) < o->p; k++)
        g.move[k] = normal(rng, (uint64_t)(18 + 2 * k));
    return g;
}

static void condition(const void *options, duet_rng rng, int64_t size, float *out) {
    const geometric_options *o = options;
    const geometry g = draw(o, rng, size);
    const double turn = M_PI / 2.0 * g.quarter, most = fmax(o->shift * (double)size, 1.0);
    const double values[CONDITIONS] = {g.mirror,
                                       g.upside_down,
                                       round(cos(turn)) - 1.0,
                                       round(sin(turn)),
                                       g.shift[0] / most,
                                       g.shift[1] / most,
                                       g.scale,
                                       cos(g.angle) - 1.0,
                                       sin(g.angle),
                                       g.stretch * cos(g.axis),
                                       g.stretch * sin(g.axis),
                                       g.move[0],
                                       g.move[1]};
    for (int k = 0; k < CONDITIONS; k++) out[k] = (float)values[k];
}

/* ---- the map: from a pixel of the result, about the centre, to one of the image ---- */

typedef struct affine {
    double a[2][2], b[2]; /* x: 0, y: 1 */
} affine;

/* m becomes the map that applies `then` first. */
static void behind(affine *m, affine then) {
    affine made = {.b = {m->b[0], m->b[1]}};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            made.b[i] += m->a[i][k] * then.b[k];
            for (int j = 0; j < 2; j++) made.a[i][j] += m->a[i][k] * then.a[k][j];
        }
    *m = made;
}

static affine scaled(double x, double y) {
    return (affine){.a = {{x, 0.0}, {0.0, y}}};
}

static affine turned(double cosine, double sine) {
    return (affine){.a = {{cosine, -sine}, {sine, cosine}}};
}

static affine moved(double x, double y) {
    return (affine){.a = {{1.0, 0.0}, {0.0, 1.0}}, .b = {x, y}};
}

static affine inverse_of(const geometric_options *o, const geometry *g, int64_t size) {
    static const double cosines[] = {1, 0, -1, 0}, sines[] = {0, 1, 0, -1};
    const double side = (double)size, scale = exp2(-o->scale * g->scale),
                 along = exp2(-o->stretch * g->stretch);
    affine m = moved(0.0, 0.0);
    behind(&m, scaled(1.0 - 2.0 * g->mirror, 1.0 - 2.0 * g->upside_down));
    behind(&m, turned(cosines[g->quarter], sines[g->quarter]));
    behind(&m, moved(-g->shift[0], -g->shift[1]));
    behind(&m, scaled(scale, scale));
    behind(&m, turned(cos(g->angle), sin(g->angle)));
    behind(&m, turned(cos(g->axis), sin(g->axis)));
    behind(&m, scaled(along, 1.0 / along));
    behind(&m, turned(cos(g->axis), -sin(g->axis)));
    behind(&m, moved(-g->move[0] * o->move * side, -g->move[1] * o->move * side));
    return m;
}

static int64_t reflect(int64_t i, int64_t size) {
    const int64_t period = 2 * (size - 1);
    if (size == 1) return 0;
    i %= period;
    if (i < 0) i += period;
    return i < size ? i : period - i;
}

static void write_pixel(const uint8_t *from, uint8_t *to, double x, double y, int64_t size,
                        int channels) {
    const double x0 = floor(x), y0 = floor(y), fx = x - x0, fy = y - y0;
    const int64_t columns[] = {reflect((int64_t)x0, size), reflect((int64_t)x0 + 1, size)},
                  rows[] = {reflect((int64_t)y0, size), reflect((int64_t)y0 + 1, size)};
    for (int c = 0; c < channels; c++) {
        double v[2];
        for (int k = 0; k < 2; k++)
            v[k] = (1.0 - fx) * from[(rows[k] * size + columns[0]) * channels + c] +
                   fx * from[(rows[k] * size + columns[1]) * channels + c];
        to[c] = (uint8_t)((1.0 - fy) * v[0] + fy * v[1] + 0.5);
    }
}

static bool is_identity(const affine *m) {
    return m->a[0][0] == 1.0 && m->a[0][1] == 0.0 && m->a[1][0] == 0.0 && m->a[1][1] == 1.0 &&
           m->b[0] == 0.0 && m->b[1] == 0.0;
}

static void apply(const void *options, duet_rng rng, uint8_t *pixels, uint8_t *scratch,
                  int64_t size, int channels) {
    const geometric_options *o = options;
    const geometry g = draw(o, rng, size);
    const affine m = inverse_of(o, &g, size);
    const double centre = 0.5 * (double)(size - 1);
    if (is_identity(&m)) return;
    memcpy(scratch, pixels, (size_t)(size * size * channels));
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++) {
            const double x = (double)j - centre, y = (double)i - centre;
            write_pixel(scratch, pixels + (i * size + j) * channels,
                        m.a[0][0] * x + m.a[0][1] * y + m.b[0] + centre,
                        m.a[1][0] * x + m.a[1][1] * y + m.b[1] + centre, size, channels);
        }
}

const duet_augment duet_augment_geometric = {
    .info = {.name = "geometric",
             .help = "changes of place and shape, of which the network is told",
             .params = DUET_TABLE(params, geometric_options)},
    .apply = apply,
    .conditions = CONDITIONS,
    .condition = condition,
};
