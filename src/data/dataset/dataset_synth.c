/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_synth.c: procedural shapes at any size, no files needed. The class is the
 * shape; everything else is a nuisance variable: colours of object and background (either may be
 * the brighter), place, scale, rotation, background texture, small clutter behind and specks in
 * front, pixel noise. A linear classifier on pixels is therefore close to chance, while
 * shape-sensitive features separate the classes. An image is a pure function of (seed, split,
 * index, size, channels); its label is index mod classes. Drawn with 4x4 samples per pixel, in
 * coordinates where the image is [0,1] x [0,1]. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/dataset/dataset.h"

#define SAMPLES 4
#define TURN    6.283185307179586f

typedef struct synth_options {
    int64_t size, classes, train, val, test, channels;
    uint64_t seed;
} synth_options;

static const duet_param params[] = {
    DUET_INT(synth_options, size, "32", 8, 1024, "side in pixels"),
    DUET_INT(synth_options, classes, "10", 2, 10, "number of shapes used"),
    DUET_INT(synth_options, train, "20000", 0, 100000000, "training images"),
    DUET_INT(synth_options, val, "0", 0, 100000000, "validation images"),
    DUET_INT(synth_options, test, "4000", 0, 100000000, "test images"),
    /* A negative seed counts modulo 2^64: -1 is 2^64 - 1. */
    {.name = "seed",
     .type = DUET_PARAM_SEED,
     .offset = offsetof(synth_options, seed),
     .default_text = "0",
     .min = -0x1p63,
     .help = "other seeds give other images"},
    DUET_INT(synth_options, channels, "3", 1, 3, "1 grey, 3 colour"),
};

typedef struct colour {
    float v[3];
} colour;

/* The stream of random numbers of one image. */
typedef struct dice {
    duet_rng rng;
    uint64_t next;
} dice;

typedef struct canvas {
    float *pixels; /* [size,size,3] in [0,1] */
    int64_t size;
} canvas;

/* ---- the shapes: is (u,v) inside? All fit in the unit circle. ---- */

static bool in_disc(float u, float v) {
    return u * u + v * v < 0.72f;
}
static bool in_ring(float u, float v) {
    const float r = u * u + v * v;
    return r < 0.85f && r > 0.27f;
}
static bool in_square(float u, float v) {
    return fmaxf(fabsf(u), fabsf(v)) < 0.70f;
}
static bool in_frame(float u, float v) {
    const float m = fmaxf(fabsf(u), fabsf(v));
    return m < 0.72f && m > 0.40f;
}
static bool in_triangle(float u, float v) {
    return v > -0.5f && v < 1.0f - 1.7320508f * fabsf(u);
}
static bool in_star(float u, float v) {
    const float wedge = TURN / 10.0f, inner = 0.42f;
    float angle = fabsf(atan2f(u, v)); /* 0 at a tip */
    angle = fabsf(angle - 2.0f * wedge * roundf(angle / (2.0f * wedge)));
    const float r = sqrtf(u * u + v * v), x = r * cosf(angle), y = r * sinf(angle);
    const float ex = inner * cosf(wedge) - 1.0f,
                ey = inner * sinf(wedge); /* edge from the tip (1,0) */
    return ex * y - ey * (x - 1.0f) > 0.0f;
}
static bool in_cross(float u, float v) {
    return (fabsf(u) < 0.26f && fabsf(v) < 0.92f) || (fabsf(v) < 0.26f && fabsf(u) < 0.92f);
}
static bool in_bar(float u, float v) {
    return fabsf(u) < 0.95f && fabsf(v) < 0.29f;
}
static bool in_crescent(float u, float v) {
    const float w = u - 0.45f;
    return u * u + v * v < 0.88f && w * w + v * v > 0.52f;
}
static bool in_heart(float u, float v) {
    const float x = 1.25f * u, y = 1.25f * v + 0.12f, a = x * x + y * y - 1.0f;
    return a * a * a - x * x * y * y * y < 0.0f;
}

static const struct {
    const char *name;
    bool (*inside)(float u, float v);
} shapes[] = {{"disc", in_disc},   {"ring", in_ring},         {"square", in_square},
              {"frame", in_frame}, {"triangle", in_triangle}, {"star", in_star},
              {"cross", in_cross}, {"bar", in_bar},           {"crescent", in_crescent},
              {"heart", in_heart}};

/* ---- drawing ---- */

static float draw(dice *d, float low, float high) {
    return low + (high - low) * (float)duet_rng_uniform(d->rng, d->next++);
}

static int choose(dice *d, int bound) {
    return (int)duet_rng_below(d->rng, d->next++, (uint64_t)bound);
}

static colour random_colour(dice *d, bool grey) {
    colour c;
    for (int i = 0; i < 3; i++) c.v[i] = i > 0 && grey ? c.v[0] : draw(d, 0.0f, 1.0f);
    return c;
}

static float distance(const colour *a, const colour *b) {
    float sum = 0.0f;
    for (int i = 0; i < 3; i++) sum += (a->v[i] - b->v[i]) * (a->v[i] - b->v[i]);
    return sqrtf(sum);
}

static float clamp01(float v) {
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

static colour near_colour(dice *d, const colour *c, float most, bool grey) {
    colour out;
    float shift = 0.0f;
    for (int i = 0; i < 3; i++) {
        if (i == 0 || !grey) shift = draw(d, -most, most);
        out.v[i] = clamp01(c->v[i] + shift);
    }
    return out;
}

/* The best of a few tries, far from both background colours. */
static colour contrasting(dice *d, const colour *a, const colour *b, bool grey) {
    colour best = {0};
    float best_distance = -1.0f;
    for (int i = 0; i < 24 && best_distance < 0.55f; i++) {
        const colour c = random_colour(d, grey);
        const float near = fminf(distance(&c, a), distance(&c, b));
        if (near > best_distance) {
            best_distance = near;
            best = c;
        }
    }
    return best;
}

static void blend(float *pixel, const colour *a, const colour *b, float mix, float cover) {
    for (int i = 0; i < 3; i++)
        pixel[i] += cover * (a->v[i] + mix * (b->v[i] - a->v[i]) - pixel[i]);
}

static float smooth(float t) {
    return t * t * (3.0f - 2.0f * t);
}

/* Value noise on a 5x5 grid of random numbers. */
static float value_noise(const float grid[25], float x, float y) {
    const float gx = x * 4.0f, gy = y * 4.0f;
    const int ix = gx < 3.0f ? (int)gx : 3, iy = gy < 3.0f ? (int)gy : 3;
    const float tx = smooth(gx - (float)ix), ty = smooth(gy - (float)iy);
    const float *g = grid + 5 * iy + ix;
    const float top = g[0] + tx * (g[1] - g[0]), bottom = g[5] + tx * (g[6] - g[5]);
    return top + ty * (bottom - top);
}

/* Mixes colours a and b by one of five textures. */
static void paint_background(canvas *on, dice *d, const colour *a, const colour *b) {
    const int kind = choose(d, 5);
    const float angle = draw(d, 0.0f, TURN), c = cosf(angle), s = sinf(angle);
    const float frequency = draw(d, 2.0f, 5.0f), phase = draw(d, 0.0f, 1.0f);
    const float cx = draw(d, 0.0f, 1.0f), cy = draw(d, 0.0f, 1.0f);
    float grid[25];
    for (int i = 0; i < 25; i++) grid[i] = draw(d, 0.0f, 1.0f);
    for (int64_t y = 0; y < on->size; y++) {
        for (int64_t x = 0; x < on->size; x++) {
            const float px = ((float)x + 0.5f) / (float)on->size,
                        py = ((float)y + 0.5f) / (float)on->size;
            const float along = (px - 0.5f) * c + (py - 0.5f) * s,
                        across = (py - 0.5f) * c - (px - 0.5f) * s;
            float mix;
            switch (kind) {
            case 0:
                mix = clamp01(0.5f + 0.75f * along);
                break;
            case 1:
                mix = clamp01(1.1f * sqrtf((px - cx) * (px - cx) + (py - cy) * (py - cy)));
                break;
            case 2:
                mix = 0.5f + 0.5f * sinf(TURN * (frequency * along + phase));
                break;
            case 3:
                mix = clamp01(0.5f + 2.0f * sinf(TURN * (0.6f * frequency * along + phase)) *
                                         sinf(TURN * 0.6f * frequency * across));
                break;
            default:
                mix = value_noise(grid, px, py);
                break;
            }
            blend(on->pixels + 3 * (y * on->size + x), a, b, mix, 1.0f);
        }
    }
}

/* Draws one shape, shaded from colour a to b along its u axis, blended by the share of samples
 * inside. */
static void paint_shape(canvas *on, int shape, float cx, float cy, float radius, float angle,
                        const colour *a, const colour *b) {
    const float c = cosf(angle) / radius, s = sinf(angle) / radius, size = (float)on->size;
    const int64_t x0 = (int64_t)fmaxf(0.0f, (cx - radius) * size),
                  x1 = (int64_t)fminf(size, (cx + radius) * size + 1.0f);
    const int64_t y0 = (int64_t)fmaxf(0.0f, (cy - radius) * size),
                  y1 = (int64_t)fminf(size, (cy + radius) * size + 1.0f);
    for (int64_t y = y0; y < y1; y++) {
        for (int64_t x = x0; x < x1; x++) {
            int hits = 0;
            float sum = 0.0f;
            for (int k = 0; k < SAMPLES * SAMPLES; k++) {
                const int column = k % SAMPLES, row = k / SAMPLES;
                const float px = ((float)x + ((float)column + 0.5f) / SAMPLES) / size - cx;
                const float py = ((float)y + ((float)row + 0.5f) / SAMPLES) / size - cy;
                const float u = px * c + py * s, v = py * c - px * s;
                if (!shapes[shape].inside(u, v)) continue;
                hits++;
                sum += u;
            }
            if (hits == 0) continue;
            const float mix = clamp01(0.5f + 0.5f * sum / (float)hits);
            blend(on->pixels + 3 * (y * on->size + x), a, b, mix,
                  (float)hits / (SAMPLES * SAMPLES));
        }
    }
}

/* Draws small discs and bars at random places. */
static void paint_clutter(canvas *on, dice *d, int count, float low, float high, bool grey) {
    for (int i = 0; i < count; i++) {
        const int shape = choose(d, 2) == 0 ? 0 : 7; /* disc, bar */
        const colour a = random_colour(d, grey), b = near_colour(d, &a, 0.2f, grey);
        const float cx = draw(d, 0.0f, 1.0f), cy = draw(d, 0.0f, 1.0f), radius = draw(d, low, high);
        paint_shape(on, shape, cx, cy, radius, draw(d, 0.0f, TURN), &a, &b);
    }
}

static void paint(canvas *on, dice *d, int label, bool grey) {
    const colour a = random_colour(d, grey), b = near_colour(d, &a, 0.45f, grey);
    paint_background(on, d, &a, &b);
    paint_clutter(on, d, choose(d, 5), 0.05f, 0.10f, grey);
    const colour front = contrasting(d, &a, &b, grey), shade = near_colour(d, &front, 0.2f, grey);
    const float radius = draw(d, 0.24f, 0.42f), room = 0.5f - 0.85f * radius;
    const float cx = 0.5f + draw(d, -room, room), cy = 0.5f + draw(d, -room, room);
    paint_shape(on, label, cx, cy, radius, draw(d, 0.0f, TURN), &front, &shade);
    paint_clutter(on, d, choose(d, 3), 0.03f, 0.05f, grey);
}

/* ---- the layout ---- */

static duet_status synth_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                              const void *options) {
    (void)ctx, (void)path;
    const synth_options *o = options;
    if (o->channels == 2)
        return duet_fail(DUET_ARG, "channels=2; images have 1 (grey) or 3 (colour)");
    if (o->train + o->val + o->test == 0)
        return duet_fail(DUET_ARG, "train, val and test are all 0");
    const char *names[DUET_COUNT(shapes)];
    for (int c = 0; c < DUET_COUNT(shapes); c++) names[c] = shapes[c].name;
    const int64_t count[DUET_SPLIT_COUNT] = {o->train, o->val, o->test};
    return duet_dataset_make(dataset, o, sizeof *o, count, names, (int)o->classes);
}

static void synth_close(duet_dataset *dataset) {
    duet_release(dataset->state);
}

static duet_status synth_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              int channels, duet_image *out) {
    static const char *const streams[DUET_SPLIT_COUNT] = {"synth train", "synth val", "synth test"};
    const synth_options *o = dataset->state;
    const bool grey = o->channels == 1;
    duet_status status = DUET_OK;
    const int64_t count = o->size * o->size;
    canvas on = {.size = o->size};
    float *noise = NULL;
    uint8_t *pixels = NULL;
    DUET_DO(duet_alloc(&on.pixels, 3 * count, sizeof(float)));
    DUET_DO(duet_alloc(&noise, count * o->channels, sizeof(float)));
    DUET_DO(duet_alloc(&pixels, count * o->channels, 1));
    dice d = {.rng = duet_rng_make(o->seed, streams[split], (uint64_t)index)};
    paint(&on, &d, (int)(index % o->classes), grey);
    duet_rng_normal(d.rng, (uint64_t)1 << 32, noise, count * o->channels);
    for (int64_t i = 0; i < count * o->channels; i++) {
        const float v = on.pixels[grey ? 3 * i : i] + 0.015f * noise[i];
        pixels[i] = (uint8_t)(255.0f * clamp01(v) + 0.5f);
    }
    DUET_DO(duet_dataset_pixels(out, pixels, o->size, o->size, (int)o->channels, channels));
done:
    duet_release(on.pixels);
    duet_release(noise);
    duet_release(pixels);
    return status;
}

const duet_dataset_layout duet_dataset_synth = {
    .info = {.name = "synth",
             .help = "procedural shapes, no files needed; the class is the shape",
             .params = DUET_TABLE(params, synth_options)},
    .open = synth_open,
    .close = synth_close,
    .read = synth_read,
};
