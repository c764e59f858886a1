/* SPDX-License-Identifier: MIT
 * The family `operator`, and chains of its members as one measure. */
#include "diffusion/operator/operator.h"

#include <math.h>
#include <string.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "diffusion/operator/operator.def"

DUET_FAMILY(operator, DUET_OPERATORS,
            "what pictures to be restored have been through, joined by '+'");

duet_status duet_measure_across(duet_measure *measure, const double *rows, int64_t side) {
    duet_measure *m = measure;
    double *product = NULL;
    DUET_TRY(duet_alloc(&product, side * m->size, sizeof *product));
    if (m->across == NULL)
        memcpy(product, rows, (size_t)(side * m->size) * sizeof *product);
    else
        duet_gemm_f64(false, false, side, m->size, m->side, 1.0, rows, m->side, m->across, m->size,
                      0.0, product, m->size);
    duet_release(m->across);
    m->across = product;
    m->side = side;
    return DUET_OK;
}

static duet_status apply_chain(duet_measure *m, const char *chain) {
    char text[DUET_TEXT_SIZE];
    const size_t length = strlen(chain);
    if (length >= sizeof text)
        return duet_fail(DUET_ARG, "operators of %zu characters are too long", length);
    for (const char *at = length > 0 ? chain : NULL; at != NULL;) {
        duet_choice choice;
        (void)duet_spec_take(&at, text, sizeof text);
        DUET_TRY(duet_choice_parse(&choice, &duet_family_operator, text));
        if (m->noise > 0.0)
            return duet_fail(DUET_ARG, "noise comes last; nothing can follow it in '%s'", chain);
        DUET_TRY(duet_operator_of(choice.entry)->apply(&choice.options, m));
    }
    return DUET_OK;
}

static duet_status hide(duet_measure *m, const uint8_t *hidden) {
    const int64_t pixels = m->size * m->size;
    int64_t count = 0;
    for (int64_t i = 0; i < pixels; i++) count += hidden[i] != 0;
    if (count == 0)
        return duet_fail(DUET_ARG,
                         "the mask leaves nothing to fill; what is white in it is filled");
    if (count == pixels)
        return duet_fail(DUET_ARG, "the mask is white everywhere, so nothing of the picture is "
                                   "known; 'duet sample' draws pictures from nothing");
    if (m->across != NULL)
        return duet_fail(
            DUET_UNSUPPORTED,
            "a mask goes with grey and noise only; blur and downsample mix pixels that "
            "are known with others");
    DUET_TRY(duet_alloc(&m->hidden, pixels, sizeof *m->hidden));
    for (int64_t i = 0; i < pixels; i++) m->hidden[i] = hidden[i] != 0;
    return DUET_OK;
}

/* V and s of K [rows,n]: v [n,n], s [n]. */
static duet_status spectrum(const double *k, int64_t rows, int64_t n, double *v, double *s) {
    duet_gemm_f64(true, false, n, n, rows, 1.0, k, n, k, n, 0.0, v, n);
    DUET_TRY(duet_eigen_sym_f64(n, v, s));
    for (int64_t i = 0; i < n; i++) s[i] = s[i] > 0.0 ? sqrt(s[i]) : 0.0;
    return DUET_OK;
}

static duet_status decompose(duet_measure *m) {
    const int64_t n = m->size;
    double most = 1.0;
    DUET_TRY(spectrum(m->colour, m->colours, m->channels, m->colour_v, m->colour_s));
    m->largest = m->colour_s[m->channels - 1]; /* ascending */
    if (m->across == NULL) return DUET_OK;
    DUET_TRY(duet_alloc(&m->v, n * n, sizeof *m->v));
    DUET_TRY(duet_alloc(&m->s, n, sizeof *m->s));
    DUET_TRY(spectrum(m->across, m->side, n, m->v, m->s));
    most = m->s[n - 1];
    m->largest *= most * most;
    return DUET_OK;
}

static duet_status make(duet_measure *m, const char *chain, const uint8_t *hidden) {
    const int64_t pixels = m->size * m->size;
    for (int64_t c = 0; c < m->channels; c++) m->colour[c * m->channels + c] = 1.0;
    DUET_TRY(apply_chain(m, chain));
    if (hidden != NULL) DUET_TRY(hide(m, hidden));
    DUET_TRY(decompose(m));
    DUET_TRY(duet_alloc(&m->plane, m->channels * pixels, sizeof *m->plane));
    DUET_TRY(duet_alloc(&m->turned, m->channels * pixels, sizeof *m->turned));
    DUET_TRY(duet_alloc(&m->middle, pixels, sizeof *m->middle));
    return duet_alloc(&m->square, pixels, sizeof *m->square);
}

duet_status duet_measure_new(duet_measure **out, const char *chain, int64_t size, int64_t channels,
                             const uint8_t *hidden) {
    duet_measure *m = NULL;
    if (channels > DUET_COLOURS)
        return duet_fail(DUET_UNSUPPORTED, "images of %lld channels cannot be edited; at most %d",
                         (long long)channels, DUET_COLOURS);
    DUET_TRY(duet_alloc(&m, 1, sizeof *m));
    *m = (duet_measure){.size = size, .channels = channels, .side = size, .colours = channels};
    const duet_status status = make(m, chain, hidden);
    if (status == DUET_OK)
        *out = m;
    else
        duet_measure_free(m);
    return status;
}

void duet_measure_free(duet_measure *measure) {
    if (measure == NULL) return;
    duet_release(measure->across);
    duet_release(measure->hidden);
    duet_release(measure->v);
    duet_release(measure->s);
    duet_release(measure->plane);
    duet_release(measure->turned);
    duet_release(measure->middle);
    duet_release(measure->square);
    duet_release(measure);
}
