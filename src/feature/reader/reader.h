/* SPDX-License-Identifier: MIT
 * feature/reader/reader.h: the internals of a reader and what a member of the family `reader`
 * implements. */
#ifndef DUET_FEATURE_READER_READER_H
#define DUET_FEATURE_READER_READER_H

#include "base/choice.h"
#include "feature/columns.h"

typedef struct duet_reader_kind {
    duet_entry info;
    bool settings; /* as in duet_reader_info */
    bool network;
    /* Sets reader->model, NULL where there is none; it may own it. */
    duet_status (*open)(duet_reader *reader, duet_model *model);
    /* Changes reader->to, what the network takes, by the kind's options; NULL = nothing to change
     */
    duet_status (*images)(duet_reader *reader);
    /* The columns, from the options. */
    duet_status (*columns)(duet_reader *reader);
    /* Sets the batch for the chosen columns. */
    duet_status (*select)(duet_reader *reader);
    void (*release)(duet_reader *reader); /* of what select and run made; NULL = nothing */
    /* Column k of the chosen ones goes to out[k], whose rows are stride[k] apart. */
    duet_status (*run)(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                       int64_t rows, float *const *out, const int64_t *stride);
} duet_reader_kind;
DUET_FAMILY_OF(reader, duet_reader_kind);

struct duet_reader {
    const duet_reader_kind *kind;
    duet_context *ctx;
    duet_reader_options options;
    duet_choice choice;  /* the kind's own options */
    duet_preprocess how; /* the images that come */
    duet_preprocess to;  /* what the network takes of them; as `how` where there is none */
    duet_model *model;   /* the network that is read; NULL = none */
    duet_model *own;     /* the same where the reader made it */
    duet_column *columns;
    int64_t count;
    int64_t *chosen; /* [chosen_count], room for count */
    int64_t chosen_count;
    float **out;     /* [count], for joins */
    int64_t *stride; /* [count] */
    int64_t batch;
    double seconds;
    int64_t draw;  /* of the noise, and */
    bool mirrored; /* whether images are read mirrored: duet_reader_look */
    void *state;   /* of the kind */
};

/* Images of this size and number of channels come from now on. */
DUET_NODISCARD duet_status duet_reader_take(duet_reader *reader, int64_t size, int channels);
/* Networks read images with another draw of the noise from now on, and mirrored; 0 and false as at
 * first. Not for tables with a cache, which does not know of it. */
void duet_reader_look(duet_reader *reader, int64_t draw, bool mirrored);
bool duet_reader_is_network(const duet_entry *entry); /* as in duet_reader_info */

#endif
