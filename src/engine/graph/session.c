/* SPDX-License-Identifier: MIT
 * engine/graph/session.c: a plan with its memory. Every pointer is settled when the session is
 * made; running only walks the steps, so it allocates nothing. */
#include "engine/graph/compiled.h"
#include "engine/graph/updating.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"

/* Memory of sessions that never run at the same time. */
struct shared {
    int users;
    uint8_t *slab, *scratch, *keep;
};

struct duet_session {
    const duet_plan *plan;
    duet_slots *slots;
    uint8_t *slab, *scratch, *keep; /* of `shared` where there is one */
    struct shared *shared;
    float *grads;
    duet_run *runs; /* [steps] */
    duet_updating updating;
    void *state; /* of a backend that compiles */
    uint64_t seed, step;
};

static void *locate(const duet_session *session, duet_place place) {
    switch (place.kind) {
    case DUET_PLACE_PARAM:
        return (void *)(uintptr_t)duet_slot_data(&session->slots->list[place.offset]);
    case DUET_PLACE_SLAB:
        return session->slab + place.offset;
    case DUET_PLACE_GRAD:
        return session->grads + place.offset;
    case DUET_PLACE_NONE:
        break;
    }
    return NULL;
}

/* Where the step reads and writes. */
static void place_step(duet_session *session, int64_t s) {
    const duet_step *step = &session->plan->steps[s];
    duet_run *run = &session->runs[s];
    for (int k = 0; k < step->call.inputs; k++) run->in[k] = locate(session, step->in[k]);
    for (int k = 0; k < step->call.outputs; k++) run->out[k] = locate(session, step->out[k]);
    run->keep = step->plan.keep > 0 ? session->keep + step->keep_offset : NULL;
    run->scratch = session->scratch;
}

static duet_status bind_step(duet_session *session, int64_t s) {
    const duet_step *step = &session->plan->steps[s];
    duet_run *run = &session->runs[s];
    run->call = &step->call;
    run->state = step->plan.state;
    place_step(session, s);
    run->threads = session->plan->options.threads;
    run->l2_bytes = session->plan->l2_bytes;
    return step->kernel != NULL && step->kernel->open != NULL
               ? step->kernel->open(step->plan.state, &run->local)
               : DUET_OK;
}

static duet_status open_compiled(duet_session *session) {
    const duet_plan *plan = session->plan;
    session->updating.plan = plan;
    DUET_TRY(duet_alloc(&session->updating.norms, plan->update_count + 1,
                        sizeof *session->updating.norms));
    return plan->backend->compiler->open(&session->state, plan->program, session->slots);
}

duet_status duet_session_new(duet_session **out, const duet_plan *plan, duet_slots *slots) {
    duet_status status = DUET_OK;
    duet_session *session = NULL;
    DUET_DO(duet_alloc(&session, 1, sizeof *session));
    session->plan = plan;
    session->slots = slots;
    DUET_DO(duet_alloc(&session->slab, plan->slab_bytes, 1));
    DUET_DO(duet_alloc(&session->scratch, plan->scratch_bytes, 1));
    DUET_DO(duet_alloc(&session->keep, plan->keep_bytes, 1));
    DUET_DO(duet_alloc(&session->grads, plan->grad_size, sizeof *session->grads));
    DUET_DO(duet_alloc(&session->runs, plan->step_count, sizeof *session->runs));
    for (int64_t s = 0; s < plan->step_count; s++) DUET_DO(bind_step(session, s));
    if (plan->program == NULL)
        DUET_DO(duet_updating_open(&session->updating, plan, slots));
    else
        DUET_DO(open_compiled(session));
    *out = session;
    session = NULL;
done:
    duet_session_free(session);
    return status;
}

/* ---- memory in common ---- */

static void free_memory(duet_session *session) {
    struct shared *const shared = session->shared;
    if (shared != NULL && --shared->users > 0) return;
    duet_release(session->slab);
    duet_release(session->scratch);
    duet_release(session->keep);
    duet_release(shared);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static duet_status new_shared(struct shared **out, duet_session *const *list, int count) {
    int64_t slab = 0, scratch = 0, keep = 0;
    for (int i = 0; i < count; i++) {
        const duet_plan *plan = list[i]->plan;
        if (!plan->trains || plan->program != NULL || list[i]->shared != NULL)
            return duet_fail(DUET_ARG, "only sessions that train on the host share their memory");
        slab = larger(slab, plan->slab_bytes);
        scratch = larger(scratch, plan->scratch_bytes);
        keep = larger(keep, plan->keep_bytes);
    }
    DUET_TRY(duet_alloc(out, 1, sizeof **out));
    DUET_TRY(duet_alloc(&(*out)->slab, slab, 1));
    DUET_TRY(duet_alloc(&(*out)->scratch, scratch, 1));
    return duet_alloc(&(*out)->keep, keep, 1);
}

duet_status duet_session_share(duet_session *const *list, int count) {
    struct shared *shared = NULL;
    const duet_status status = new_shared(&shared, list, count);
    if (status != DUET_OK) {
        if (shared != NULL) {
            duet_release(shared->slab);
            duet_release(shared->scratch);
            duet_release(shared->keep);
        }
        duet_release(shared);
        return status;
    }
    shared->users = count;
    for (int i = 0; i < count; i++) {
        duet_session *const session = list[i];
        free_memory(session);
        session->shared = shared;
        session->slab = shared->slab;
        session->scratch = shared->scratch;
        session->keep = shared->keep;
        for (int64_t s = 0; s < session->plan->step_count; s++) place_step(session, s);
    }
    return DUET_OK;
}

void duet_session_free(duet_session *session) {
    if (session == NULL) return;
    for (int64_t s = 0; session->runs != NULL && s < session->plan->step_count; s++) {
        const duet_kernel *kernel = session->plan->steps[s].kernel;
        if (kernel != NULL && kernel->close != NULL && session->runs[s].local != NULL)
            kernel->close(session->runs[s].local);
    }
    if (session->state != NULL) session->plan->backend->compiler->close(session->state);
    if (session->updating.plan != NULL) duet_updating_close(&session->updating);
    free_memory(session);
    duet_release(session->grads);
    duet_release(session->runs);
    duet_release(session);
}

static const duet_plan_input *find_input(const duet_session *session, const char *name) {
    for (int64_t i = 0; i < session->plan->input_count; i++)
        if (strcmp(session->plan->inputs[i].name, name) == 0) return &session->plan->inputs[i];
    return NULL;
}

bool duet_session_has_input(const duet_session *session, const char *input) {
    return find_input(session, input) != NULL;
}

duet_status duet_session_set(duet_session *session, const char *input, const void *data) {
    const duet_plan_input *found = find_input(session, input);
    if (found == NULL) return duet_fail(DUET_NOT_FOUND, "the plan reads no input '%s'", input);
    memcpy(locate(session, found->place), data, duet_arg_bytes(&found->arg));
    return DUET_OK;
}

void *duet_session_input(const duet_session *session, const char *input) {
    const duet_plan_input *found = find_input(session, input);
    return found != NULL ? locate(session, found->place) : NULL;
}

void duet_session_seed(duet_session *session, uint64_t seed, uint64_t step) {
    session->seed = seed;
    session->step = step;
    for (int64_t s = 0; s < session->plan->step_count; s++) {
        session->runs[s].seed = seed;
        session->runs[s].step = step;
    }
}

/* A kernel that has just made its own copy of a mapped weight (in half the bytes at least) reads
 * the copy from now on. */
static void drop_packed(const duet_session *session, const duet_step *step, const duet_run *run,
                        int k) {
    const int64_t bytes = (int64_t)duet_arg_bytes(&step->call.in[k]);
    if (session->slots->list[step->in[k].offset].lent != NULL && 2 * step->plan.keep >= bytes)
        duet_map_drop(run->in[k], bytes);
}

/* Of the content of a parameter; 0 for activations. */
static uint64_t version_of(const duet_session *session, duet_place place) {
    const duet_slots *const slots = session->slots;
    return place.kind == DUET_PLACE_PARAM ? slots->parts[slots->list[place.offset].part].version
                                          : 0;
}

static duet_status run_step(duet_session *session, int64_t s) {
    const duet_step *step = &session->plan->steps[s];
    if (step->kernel == NULL) return DUET_OK; /* a view */
    duet_run *run = &session->runs[s];
    uint32_t fresh = 0; /* parameters that the kernel sees for the first time */
    for (int k = 0; k < step->call.inputs; k++) {
        const uint64_t version = version_of(session, step->in[k]);
        fresh |= (uint32_t)(version != run->in_version[k]) << k;
        run->in_version[k] = version;
    }
    if (run->keep != NULL && session->plan->trains)
        memset(run->keep, 0, DUET_KEEP_HEADER); /* another step was there */
    const duet_status status = step->kernel->run(run);
    for (int k = 0; k < step->call.inputs && session->slots->mapped; k++)
        if (fresh >> k & 1u) drop_packed(session, step, run, k);
    if (status != DUET_OK)
        duet_error_frame("%s at '%s'", step->call.op->info.name, step->call.scope);
    return status;
}

/* Gradients that have no place of their own, or states. */
static void copy_values(duet_session *session, bool states) {
    const duet_plan *plan = session->plan;
    for (int64_t i = 0; i < plan->copy_count; i++) {
        const duet_plan_copy *copy = &plan->copies[i];
        if ((copy->to.kind == DUET_PLACE_PARAM) != states) continue;
        memcpy(locate(session, copy->to), locate(session, copy->from),
               (size_t)copy->count * sizeof(float));
        if (copy->to.kind == DUET_PLACE_PARAM)
            duet_slots_touch(session->slots, session->slots->list[copy->to.offset].part);
    }
}

/* Behind the steps: what a run leaves in slots. */
static duet_status finish(duet_session *session) {
    const duet_plan *plan = session->plan;
    duet_updating *u = &session->updating;
    copy_values(session, false);
    if (plan->update_count == 0) {
        copy_values(session, true);
        return DUET_OK;
    }
    const float *const numbers = locate(session, plan->numbers), *const loss =
                                                                     locate(session, plan->loss);
    DUET_TRY(duet_updating_run(u, *loss, session->grads, numbers));
    if (u->ok) copy_values(session, true);
    duet_updating_average(u, numbers);
    return DUET_OK;
}

bool duet_session_ok(const duet_session *session) {
    return session->updating.ok;
}

double duet_session_norm(const duet_session *session, int64_t index) {
    return session->updating.norms[index];
}

static duet_status run_compiled(duet_session *session) {
    const duet_plan *plan = session->plan;
    DUET_TRY(duet_compiled_run(plan, session->state, session->slab, session->seed, session->step));
    return plan->update_count > 0
               ? plan->backend->compiler->ended(session->state, &session->updating.ok,
                                                session->updating.norms)
               : DUET_OK;
}

duet_status duet_session_run(duet_session *session) {
    if (session->state != NULL) return run_compiled(session);
    for (int64_t s = 0; s < session->plan->step_count; s++) DUET_TRY(run_step(session, s));
    return finish(session);
}

duet_status duet_session_profile(duet_session *session, double *seconds, double *updates_seconds) {
    if (session->state != NULL) return run_compiled(session);
    for (int64_t s = 0; s < session->plan->step_count; s++) {
        const double start = duet_clock();
        DUET_TRY(run_step(session, s));
        seconds[s] = duet_clock() - start;
    }
    const double start = duet_clock();
    const duet_status status = finish(session);
    if (updates_seconds != NULL) *updates_seconds = duet_clock() - start;
    return status;
}

/* The place of output `index`, which a backend that compiles is asked for. */
static duet_status read_output(const duet_session *session, int64_t index, const void **out) {
    const duet_plan_output *output = &session->plan->outputs[index];
    void *const place = locate(session, output->place);
    *out = place;
    if (session->state == NULL) return DUET_OK;
    return session->plan->backend->compiler->read(session->state, index, place,
                                                  (int64_t)duet_arg_bytes(&output->arg));
}

duet_status duet_session_get(const duet_session *session, int64_t index, int64_t rows, void *data) {
    const void *from = NULL;
    if (index < 0 || index >= session->plan->output_count)
        return duet_fail(DUET_ARG, "no output %lld; the plan has %lld", (long long)index,
                         (long long)session->plan->output_count);
    const duet_plan_output *output = &session->plan->outputs[index];
    size_t bytes = duet_arg_bytes(&output->arg);
    if (rows >= 0 && output->arg.shape.rank > 0 && rows <= output->arg.shape.dim[0])
        bytes = bytes / (size_t)output->arg.shape.dim[0] * (size_t)rows;
    DUET_TRY(read_output(session, index, &from));
    memcpy(data, from, bytes);
    return DUET_OK;
}

const void *duet_session_output(const duet_session *session, int64_t index) {
    const void *from = NULL;
    return read_output(session, index, &from) == DUET_OK ? from : NULL;
}

float *duet_session_gradients(duet_session *session) {
    return session->updating.total != NULL ? session->updating.total : session->grads;
}
