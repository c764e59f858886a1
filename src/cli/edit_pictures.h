/* SPDX-License-Identifier: MIT
 * cli/edit_pictures.h: the pictures that 'duet edit' starts from, what is known of them, and what
 * it shows of the answers. */
#ifndef DUET_CLI_EDIT_PICTURES_H
#define DUET_CLI_EDIT_PICTURES_H

#include "cli/cli.h"

enum { CLI_PICTURES = 10000 };

typedef struct cli_edit_options {
    char mask[CLI_PATH], chain[DUET_TEXT_SIZE], interpolate[CLI_PATH], data[CLI_PATH];
    char sampler[DUET_TEXT_SIZE], out[CLI_PATH], plain[CLI_PATH], strip[CLI_PATH], walk[CLI_PATH];
    int64_t outpaint, pictures, answers, frames, jump, again, batch, label;
    double vary;
    bool degrade, convert;
    uint64_t seed;
} cli_edit_options;

typedef struct cli_pictures {
    const cli_edit_options *o;
    duet_preprocess how;    /* of whole images */
    int64_t count, dim;     /* pictures; bytes of a whole image */
    int64_t known;          /* values of a measurement */
    int64_t answers;        /* of each, or frames */
    bool enlarges;          /* the model takes small pictures and makes large ones */
    bool rebuilds;          /* nothing is asked for of a model with codes: pictures from theirs */
    int64_t again;          /* times that steps are walked again */
    uint8_t *mask;          /* [size,size]; NULL = none */
    uint8_t *whole;         /* [count,dim]; NULL where only measurements are there */
    float *measured;        /* [count,known] */
    uint8_t *shown, *plain; /* [count,dim] the measurements; answers without a model */
    uint8_t *result;        /* [count,answers,dim] */
    duet_walk *walk;        /* the way of the first answers, or the frames; NULL = unwanted */
    bool truth;             /* `whole` is what the answers ought to be */
} cli_pictures;

/* Refuses a picture whose size or colours are not those of `how`, unless --convert. */
duet_status cli_picture_check(const cli_pictures *p, const char *path, const duet_preprocess *how);
/* The mask of --mask, --outpaint or the alpha of the first picture, if there is one. */
duet_status cli_pictures_mask(const cli_state *cli, cli_pictures *p);
/* Reads the pictures of the command line or of --data, and measures them. */
duet_status cli_pictures_read(cli_state *cli, cli_pictures *p, duet_edit *edit);
void cli_pictures_free(cli_pictures *p);

/* A row a picture: before, what is known, without a model, answers, how far they differ. columns
 * gets their names. */
duet_status cli_strip_save(const cli_pictures *p, const char *path, const char *note,
                           json_t **columns);
/* Mean over pictures and answers of 10 log10(255^2 / mean squared error). */
double cli_psnr(const cli_pictures *p, const uint8_t *images, int64_t each);
/* The same of the mean of a picture's answers, which no answer is; NaN where there is one only. */
double cli_psnr_mean(const cli_pictures *p);

#endif
