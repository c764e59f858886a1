/* SPDX-License-Identifier: MIT
 * cpu/cpu_loss.c: the loss in parallel over samples; ops that touch a few values per sample
 * (embeddings, dropout) run their reference, which is no bottleneck. */
#include "engine/backend/backend.h"
#include "engine/op/ops_grad.h"

static double square_error(const float *a, const float *b, int64_t count) {
    double total = 0;
    for (int64_t e0 = 0; e0 < count; e0 += 256) {
        const int64_t end = e0 + 256 < count ? e0 + 256 : count;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t e = e0; e < end; e++) sum += (a[e] - b[e]) * (a[e] - b[e]);
        total += (double)sum;
    }
    return total;
}

static duet_status plan_mse(const duet_call *call, const duet_kernel_options *options,
                            duet_kernel_plan *out) {
    (void)options;
    out->scratch = call->in[0].shape.dim[0] * (int64_t)sizeof(double);
    out->impl = "";
    return DUET_OK;
}

static duet_status run_mse(const duet_run *run) {
    const int64_t B = run->call->in[0].shape.dim[0],
                  size = duet_shape_count(&run->call->in[0].shape) / B;
    const float *pred = run->in[0], *target = run->in[1], *weight = run->in[2];
    double *sums = run->scratch, total = 0;
    float *loss = run->out[0], *per_sample = run->out[1];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < B; b++)
        sums[b] = square_error(pred + b * size, target + b * size, size);
    for (int64_t b = 0; b < B; b++) {
        total += weight != NULL ? (double)weight[b] * sums[b] : sums[b];
        if (per_sample != NULL) per_sample[b] = (float)(sums[b] / (double)size);
    }
    if (loss != NULL) loss[0] = (float)(total / (double)(B * size));
    return DUET_OK;
}

static duet_status run_mse_grad(const duet_run *run) {
    const duet_shape *shape = &run->call->in[0].shape;
    const int64_t B = shape->dim[0], count = duet_shape_count(shape), size = count / B;
    const float *pred = run->in[0], *target = run->in[1], *dloss = run->in[2], *weight = run->in[3];
    const double by = 2.0 * (double)dloss[0] / (double)count;
    float *dpred = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t b = 0; b < B; b++) {
        const float factor = (float)(weight != NULL ? by * (double)weight[b] : by);
        const float *p = pred + b * size, *t = target + b * size;
        float *d = dpred + b * size;
#pragma omp simd
        for (int64_t e = 0; e < size; e++) d[e] = factor * (p[e] - t[e]);
    }
    return DUET_OK;
}

/* The sums of the reference, which adds nothing for other labels: the same bits. */
static duet_status run_embedding_grad(const duet_run *run) {
    enum { CHUNK = 256 };
    const int64_t rows = run->call->out[0].shape.dim[0], size = run->call->out[0].shape.dim[1],
                  batch = run->call->in[0].shape.dim[0];
    const int32_t *const labels = run->in[0];
    const float *const dy = run->in[1];
    float *const dtable = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static)
    for (int64_t k = 0; k < rows; k++) {
        for (int64_t first = 0; first < size; first += CHUNK) {
            const int64_t count = size - first < CHUNK ? size - first : CHUNK;
            double sum[CHUNK] = {0};
            for (int64_t b = 0; b < batch; b++) {
                if (labels[b] != k) continue;
                for (int64_t c = 0; c < count; c++) sum[c] += (double)dy[b * size + first + c];
            }
            for (int64_t c = 0; c < count; c++) dtable[k * size + first + c] = (float)sum[c];
        }
    }
    return DUET_OK;
}

static duet_status run_reference(const duet_run *run) {
    run->call->op->reference(run);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "mse_loss", .name = "simd", .plan = plan_mse, .run = run_mse},
    {.op = "mse_loss_grad", .name = "simd", .run = run_mse_grad},
    {.op = "embedding", .name = "plain", .run = run_reference},
    {.op = "embedding_grad", .name = "rows", .run = run_embedding_grad},
    {.op = "cross_entropy", .name = "plain", .run = run_reference},
    {.op = "cross_entropy_grad", .name = "plain", .run = run_reference},
    {.op = "soft_cross_entropy", .name = "plain", .run = run_reference},
    {.op = "soft_cross_entropy_grad", .name = "plain", .run = run_reference},
    {.op = "top1", .name = "plain", .run = run_reference},
    {.op = "timestep_embedding", .name = "plain", .run = run_reference},
    {.op = "timestep_weights", .name = "plain", .run = run_reference},
    {.op = "transpose", .name = "plain", .run = run_reference},
    {.op = "dropout", .name = "plain", .run = run_reference},
    {.op = "variance_bound", .name = "plain", .run = run_reference},
    {.op = "variance_bound_grad", .name = "plain", .run = run_reference},
};
DUET_CPU_KERNELS(loss) = {kernels, DUET_COUNT(kernels)};
