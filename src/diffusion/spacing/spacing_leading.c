/* SPDX-License-Identifier: MIT
 * timestep_spacing "leading" of diffusers, with steps_offset: t = k floor(T / n) + offset. It
 * leaves the noisiest levels out, as the first samplers did. */
#include "base/error.h"
#include "diffusion/spacing/spacing.h"

typedef struct leading_options {
    int64_t offset;
    bool extra;
} leading_options;

static const duet_param rows[] = {
    DUET_INT(leading_options, offset, "0", 0, 1e6, "added to every t (steps_offset)"),
    DUET_BOOLEAN(leading_options, extra, "false",
                 "one more point, without the lowest, as diffusers' DPM-Solvers"),
};

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const leading_options *o = options;
    const int64_t more = o->extra ? 1 : 0, stride = noise->steps / (count + more);
    if (stride < 1)
        return duet_fail(DUET_ARG,
                         "%lld sampling steps are impossible with a noise schedule of %lld",
                         (long long)(count + more), (long long)noise->steps);
    for (int64_t k = 0; k < count; k++)
        out[k] = duet_noise_at(noise, (double)((count - 1 - k + more) * stride + o->offset));
    return DUET_OK;
}

const duet_spacing duet_spacing_leading = {
    .info = {.name = "leading",
             .help = "every (T/n)-th t from 0 on, as diffusers, and 'ddimN' of guided-diffusion",
             .params = DUET_TABLE(rows, leading_options)},
    .fill = fill,
};
