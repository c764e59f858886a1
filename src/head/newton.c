/* SPDX-License-Identifier: MIT
 * head/newton.c: truncated Newton (Dembo and Steihaug 1983). The preconditioner is the Hessian with class and feature parts
 * averaged on their own, P = C (x) G + strength I, C = mean of diag(p) - p p' at w, G = X'X/M. With C = U diag(c) U', the
 * row U'_i of the gradient is solved with c_i G + strength I; the c_i are put into a few ranges, each with one Cholesky
 * factor (head/scaling.h). Dropped: that p and x depend on each other. */
#include "head/newton.h"

#include <math.h>
#include <string.h>

#include <duet/registry.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "head/scaling.h"

enum { BLOCK = 256 };

struct duet_newton {
    duet_logistic *problem;
    int64_t classes, dim, weights, variables;
    duet_scaling scaling;
    bool scaled;
    int factors;
    double *mean, *axes, *values;        /* C, U [K,K] and c [K], ascending, not below a floor */
    int first[DUET_SCALING_FACTORS + 1]; /* rows of U' of each range */
    double strength, spread;             /* for which the preconditioner was made: the penalty, trace of C */
    double *gradient, *step, *residual, *solved, *direction, *product, *trial, *turned; /* [variables] */
};

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* to += factor from */
static void add(double *to, double factor, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += factor * from[i];
}

duet_status duet_newton_new(duet_newton **out, duet_logistic *problem, int64_t widest)
{
    duet_newton *n = NULL;
    duet_status status = DUET_OK;
    const duet_logistic_data *data = duet_logistic_rows(problem);
    DUET_DO(duet_alloc(&n, 1, sizeof(*n)));
    n->problem = problem;
    n->strength = -1;
    n->classes = data->classes;
    n->dim = data->dim;
    n->weights = n->classes * n->dim;
    n->variables = duet_logistic_variables(problem);
    n->factors = data->dim <= 2048 ? DUET_SCALING_FACTORS : 1; /* 8 D^2 bytes each */
    double **vectors[] = {&n->gradient, &n->step, &n->residual, &n->solved, &n->direction, &n->product, &n->trial, &n->turned};
    for (int i = 0; i < DUET_COUNT(vectors); i++) DUET_DO(duet_alloc(vectors[i], n->variables, sizeof(double)));
    DUET_DO(duet_alloc(&n->mean, n->classes * n->classes, sizeof(double)));
    DUET_DO(duet_alloc(&n->axes, n->classes * n->classes, sizeof(double)));
    DUET_DO(duet_alloc(&n->values, n->classes, sizeof(double)));
    if (data->dim <= widest) {
        const int64_t most = data->dim < 2048 ? 8192 : 4 * data->dim;
        const int threads = duet_context_threads(duet_logistic_context(problem));
        DUET_DO(duet_scaling_new(&n->scaling, data->x, data->rows, data->dim, data->classes, most, threads));
        n->scaled = true;
    }
    *out = n;
    return DUET_OK;
done:
    duet_newton_free(n);
    return status;
}

void duet_newton_free(duet_newton *newton)
{
    if (newton == NULL) return;
    double *vectors[] = {newton->gradient, newton->step, newton->residual, newton->solved, newton->direction, newton->product,
                         newton->trial, newton->turned, newton->mean, newton->axes, newton->values};
    for (int i = 0; i < DUET_COUNT(vectors); i++) duet_release(vectors[i]);
    if (newton->scaled) duet_scaling_free(&newton->scaling);
    duet_release(newton);
}

/* Ranges of equal ratio between the smallest and the largest value. */
static duet_status factor_ranges(duet_newton *n)
{
    const double least = n->values[0], most = n->values[n->classes - 1];
    const double ratio = pow(most / least, 1.0 / n->factors);
    int row = 0;
    for (int f = 0; f < n->factors; f++) {
        const double end = least * pow(ratio, f + 1);
        n->first[f] = row;
        while (row < n->classes && (f == n->factors - 1 || n->values[row] < end)) row++;
        if (row == n->first[f]) continue;
        const double middle = least * pow(ratio, f + 0.5);
        DUET_TRY(duet_scaling_factor(&n->scaling, f, n->strength / (middle * (double)n->classes)));
    }
    n->first[n->factors] = row;
    return DUET_OK;
}

/* At the w of the last objective; an old one serves while the penalty is the same and the classes are about as uncertain. */
static duet_status prepare(duet_newton *n, double strength)
{
    const int64_t classes = n->classes;
    double spread = 0;
    duet_logistic_classes(n->problem, n->mean);
    for (int64_t k = 0; k < classes; k++) spread += n->mean[k * classes + k];
    if (!isfinite(spread)) return DUET_OK; /* the loss says so */
    if (n->strength == strength && spread > n->spread / 1.5 && spread < n->spread * 1.5) return DUET_OK;
    memcpy(n->axes, n->mean, (size_t)(classes * classes) * sizeof(double));
    duet_linalg_set_threads(1); /* the same bits for any number of threads */
    const duet_status status = duet_eigen_sym_f64(classes, n->axes, n->values);
    duet_linalg_set_threads(duet_context_threads(duet_logistic_context(n->problem)));
    DUET_TRY(status);
    /* F does not see the sum of all classes: its c is 0, and rounding must not be blown up there. */
    const double floor = fmax(classes > 1 ? n->values[1] : 0, fmax(1e-4 * n->values[classes - 1], 1e-12));
    for (int64_t k = 0; k < classes; k++) n->values[k] = fmax(n->values[k], floor);
    n->strength = strength;
    n->spread = spread;
    return n->scaled ? factor_ranges(n) : DUET_OK;
}

/* out = U' in or U in, [K,D + 1]; fixed blocks of columns, so that bits do not depend on the threads. */
static void turn(const duet_newton *n, bool back, const double *in, double *out)
{
    const int64_t K = n->classes, D = n->dim, blocks = (D + BLOCK - 1) / BLOCK;
    const int threads = duet_context_threads(duet_logistic_context(n->problem));
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t first = b * BLOCK, columns = D - first < BLOCK ? D - first : BLOCK;
        duet_gemm_f64(!back, false, K, columns, K, 1.0, n->axes, K, in + first, D, 0.0, out + first, D);
    }
    for (int64_t i = 0; i < K; i++) {
        double sum = 0;
        for (int64_t k = 0; k < K; k++) sum += (back ? n->axes[i * K + k] : n->axes[k * K + i]) * in[n->weights + k];
        out[n->weights + i] = sum;
    }
}

/* out = P^-1 g. Columns without a Gram matrix have unit variance and count as uncorrelated. */
static void precondition(duet_newton *n, const double *g, double *out)
{
    const int64_t K = n->classes, D = n->dim;
    double *t = n->turned;
    turn(n, false, g, t);
    for (int f = 0; n->scaled && f < n->factors; f++) {
        if (n->first[f + 1] > n->first[f]) duet_scaling_solve(&n->scaling, f, t + n->first[f] * D, n->first[f + 1] - n->first[f]);
    }
    for (int64_t k = 0; k < K; k++) {
        const double factor = n->scaled ? 1.0 / (n->values[k] * (double)K) : 1.0 / (n->values[k] + n->strength);
        for (int64_t c = 0; c < D; c++) t[k * D + c] *= factor;
        t[n->weights + k] /= n->values[k];
    }
    turn(n, true, t, out);
}

/* H step = -gradient by conjugate gradients, until an iteration lowers the model by less than a tenth of all before.
 * Returns how far step lowers the model of F. */
static double solve(duet_newton *n, int most, int *passes)
{
    const int64_t count = n->variables;
    double lowered = 0;
    memset(n->step, 0, (size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++) n->residual[i] = -n->gradient[i];
    precondition(n, n->residual, n->solved);
    memcpy(n->direction, n->solved, (size_t)count * sizeof(double));
    double size = dot(n->residual, n->solved, count);
    const double begun = size;
    while (*passes < most && size > 0 && !duet_cancelled(duet_logistic_context(n->problem))) {
        duet_logistic_curve(n->problem, n->strength, n->direction, n->product);
        ++*passes;
        const double bend = dot(n->direction, n->product, count);
        if (!(bend > 0) || !isfinite(bend)) break;
        const double along = size / bend, gain = 0.5 * along * size;
        add(n->step, along, n->direction, count);
        add(n->residual, -along, n->product, count);
        lowered += gain;
        precondition(n, n->residual, n->solved);
        const double left = dot(n->residual, n->solved, count);
        if (gain < 0.1 * lowered && left < 0.1 * begun) break;
        for (int64_t i = 0; i < count; i++) n->direction[i] = n->solved[i] + left / size * n->direction[i];
        size = left;
    }
    return lowered;
}

/* Halves the step until it lowers F, up to rounding. Leaves w, F and gradient at the new point; false: there is none. */
static bool advance(duet_newton *n, double *w, double lowered, double *loss, int *passes)
{
    double length = 1.0;
    for (int tries = 0; tries < 12; tries++, length /= 2) {
        memcpy(n->trial, w, (size_t)n->variables * sizeof(double));
        add(n->trial, length, n->step, n->variables);
        const double now = duet_logistic_objective(n->problem, n->strength, n->trial, n->gradient);
        ++*passes;
        if (now <= *loss - 1e-4 * length * lowered + 1e-9 * *loss) {
            memcpy(w, n->trial, (size_t)n->variables * sizeof(double));
            *loss = now;
            return true;
        }
    }
    *loss = duet_logistic_objective(n->problem, n->strength, w, n->gradient);
    return false;
}

static duet_status descend(duet_newton *n, double strength, int most, double gap, double *w, duet_logistic_result *result)
{
    double loss = duet_logistic_objective(n->problem, strength, w, n->gradient);
    int passes = 1;
    result->converged = false;
    while (!result->converged && passes < most && isfinite(loss)) {
        DUET_TRY(duet_check_cancelled(duet_logistic_context(n->problem)));
        DUET_TRY(prepare(n, strength));
        const double lowered = solve(n, most, &passes);
        const bool finished = lowered <= gap * loss && passes < most;
        const bool moved = lowered > 0 && advance(n, w, lowered, &loss, &passes);
        /* Rounding of the f32 products ends the descent first when gap is very small. */
        result->converged = finished || (!moved && lowered < 1e-5 * loss);
        if (!moved) break;
    }
    DUET_TRY(duet_check_cancelled(duet_logistic_context(n->problem)));
    if (!isfinite(loss)) return duet_fail(DUET_NUMERIC, "the loss of the logistic regression is not a number");
    result->loss = loss;
    result->passes += passes;
    return DUET_OK;
}

duet_status duet_newton_fit(duet_newton *newton, double strength, const duet_logistic_limits *limits, double *w,
                            duet_logistic_result *result)
{
    bool zeros = true;
    for (int64_t i = 0; i < newton->variables; i++) zeros &= w[i] == 0;
    *result = (duet_logistic_result){0};
    for (double s = 1.0; zeros && s > 3.0 * fmax(strength, 1e-7) && result->passes < limits->passes / 2; s /= 10) {
        DUET_TRY(descend(newton, s, limits->passes / 2 - result->passes, 1e-2, w, result));
    }
    return descend(newton, strength, limits->passes - result->passes, limits->gap, w, result);
}
