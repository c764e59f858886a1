/* SPDX-License-Identifier: MIT
 * diffusion/generator.c: a model that is ready to generate: images of any numbers, pass by pass. */
#include "diffusion/guide.h"

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "model/model.h"

/* What the parts of the architecture allow. */
static const duet_generator_kind *kind_of(const duet_model *model) {
    return duet_shape_part(&model->shape, DUET_GENERATES) != NULL ? &duet_generator_decode
                                                                  : &duet_generator_denoise;
}

duet_status duet_generator_open(duet_context *ctx, duet_generator **out, duet_model *model,
                                const duet_generator_options *options) {
    duet_status status = DUET_OK;
    duet_generator *g = NULL;
    const char *const own = duet_model_sampler(model);
    const char *spec = options->sampler[0] != '\0' ? options->sampler
                       : own != NULL               ? own
                                                   : DUET_DEFAULT_SAMPLER;
    if (options->batch < 0)
        return duet_fail(DUET_ARG, "the batch (%lld) cannot be negative",
                         (long long)options->batch);
    DUET_DO(duet_alloc(&g, 1, sizeof *g));
    *g = (duet_generator){.ctx = ctx,
                          .model = model,
                          .kind = kind_of(model),
                          .reuse = options->reuse > 0 ? options->reuse : 1,
                          .reuse_tap = options->reuse_tap,
                          .guidance = options->guidance,
                          .watch = options->watch,
                          .watcher = options->watcher,
                          .batch = options->batch > 0 ? options->batch : DUET_GENERATOR_BATCH,
                          .dim = model->shape.size * model->shape.size * model->shape.in_channels};
    if (g->kind != &duet_generator_denoise && duet_guidance_given(&g->guidance))
        DUET_FAIL(DUET_UNSUPPORTED, "the model draws from a prior in one step, which cannot be "
                                    "guided; a model that denoises can");
    DUET_DO(g->kind->open(g, spec));
    DUET_DO(duet_alloc(&g->id, g->batch, sizeof *g->id));
    DUET_DO(duet_alloc(&g->labels, g->batch, sizeof *g->labels));
    DUET_DO(duet_alloc(&g->x, g->batch * g->dim, sizeof *g->x));
    *out = g;
    g = NULL;
done:
    duet_generator_close(g);
    return status;
}

void duet_generator_close(duet_generator *generator) {
    if (generator == NULL) return;
    if (generator->kind != NULL) generator->kind->close(generator);
    duet_release(generator->id);
    duet_release(generator->labels);
    duet_release(generator->x);
    duet_release(generator);
}

duet_status duet_generator_follow(duet_generator *generator, const duet_guide *guide) {
    if (generator->kind != &duet_generator_denoise)
        return duet_fail(DUET_UNSUPPORTED, "the model draws from a prior in one step, which cannot "
                                           "be steered; a model that denoises can");
    generator->guide = guide;
    return DUET_OK;
}

duet_status duet_generator_passed(const duet_generator *generator, int64_t rows, double part) {
    duet_progress_report(generator->ctx, "sampling", "images",
                         (double)generator->before + (double)rows * part, (double)generator->total,
                         NULL);
    return duet_check_cancelled(generator->ctx);
}

/* Numbers and labels of the next pass. */
static duet_status fill_rows(duet_generator *g, int64_t first, const int64_t *index, int64_t rows,
                             const int32_t *labels) {
    const int64_t own = g->model->shape.class_count, classes = own > 0 ? own : g->classes,
                  asked = own > 0 ? duet_model_conditions(g->model) : g->classes;
    for (int64_t r = 0; r < rows; r++) {
        g->id[r] = index != NULL ? index[r] : first + r;
        g->labels[r] = classes < 1 ? 0 : labels == NULL ? (int32_t)(g->id[r] % asked) : labels[r];
        if (classes > 0 && (g->labels[r] < 0 || g->labels[r] >= classes))
            return duet_fail(DUET_ARG, "label %d is outside of the %lld classes", g->labels[r],
                             (long long)classes);
    }
    return DUET_OK;
}

duet_status duet_generator_go(duet_generator *generator, int64_t first, const int64_t *index,
                              int64_t count, uint64_t seed, const int32_t *labels, uint8_t *pixels,
                              int64_t before, int64_t total) {
    duet_generator *g = generator;
    if (first < 0 || count < 0)
        return duet_fail(DUET_ARG,
                         "the first sample (%lld) and the number of samples (%lld) cannot be "
                         "negative",
                         (long long)first, (long long)count);
    for (int64_t done = 0; done < count;) {
        const int64_t rows = count - done < g->batch ? count - done : g->batch;
        const duet_generator_rows pass = {
            .id = g->id, .labels = g->labels, .rows = rows, .seed = seed, .x = g->x};
        g->before = before + done;
        g->total = total;
        DUET_TRY(fill_rows(g, first + done, index != NULL ? index + done : NULL, rows,
                           labels != NULL ? labels + done : NULL));
        DUET_TRY(g->kind->run(g, &pass));
        duet_float_to_pixels(pixels + done * g->dim, g->x, rows * g->dim);
        done += rows;
    }
    return DUET_OK;
}

duet_status duet_generator_run(duet_generator *generator, int64_t first, int64_t count,
                               uint64_t seed, const int32_t *labels, uint8_t *pixels) {
    return duet_generator_go(generator, first, NULL, count, seed, labels, pixels, 0, count);
}
