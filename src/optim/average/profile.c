/* SPDX-License-Identifier: MIT
 * optim/average/profile.c: with G the products of the profiles, each of length 1, and b those with
 * the wanted one, factors = G^-1 b. Profiles are nearly the same where times and exponents are, so
 * G is inverted by its eigenvectors, without those below 1e-13 of the largest eigenvalue. */
#include "optim/average/profile.h"

#include <math.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"

double duet_profile_dot(duet_profile a, duet_profile b) {
    const double longer = fmax(a.time, b.time);
    const double power = a.time < b.time ? b.exponent : -a.exponent;
    return (a.exponent + 1.0) * (b.exponent + 1.0) * pow(a.time / b.time, power) /
           ((a.exponent + b.exponent + 1.0) * longer);
}

static double length_of(duet_profile a) {
    return sqrt(duet_profile_dot(a, a));
}

duet_status duet_profile_fit(const duet_profile *list, int64_t count, duet_profile wanted,
                             double *factors, double *error) {
    duet_status status = DUET_OK;
    double *memory = NULL, left = duet_profile_dot(wanted, wanted);
    if (count < 1) return duet_fail(DUET_ARG, "there are no averages to make another one of");
    DUET_DO(duet_alloc(&memory, count * (count + 1), sizeof *memory));
    double *const gram = memory, *const values = memory + count * count;
    for (int64_t i = 0; i < count; i++) {
        factors[i] = 0.0;
        for (int64_t j = 0; j < count; j++)
            gram[i * count + j] =
                duet_profile_dot(list[i], list[j]) / (length_of(list[i]) * length_of(list[j]));
    }
    DUET_DO(duet_eigen_sym_f64(count, gram, values));
    for (int64_t k = 0; k < count; k++) {
        double dot = 0.0;
        if (!(values[k] > 1e-13 * values[count - 1])) continue;
        for (int64_t i = 0; i < count; i++)
            dot += gram[i * count + k] * duet_profile_dot(list[i], wanted) / length_of(list[i]);
        for (int64_t i = 0; i < count; i++)
            factors[i] += dot / values[k] * gram[i * count + k] / length_of(list[i]);
        left -= dot * dot / values[k];
    }
    *error = sqrt(fmax(left, 0.0) / duet_profile_dot(wanted, wanted));
done:
    duet_release(memory);
    return status;
}
