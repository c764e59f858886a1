/* SPDX-License-Identifier: MIT
 * duet/setting.h: what a row of features is of: a level of noise, a block of the network and the
 * side of its pooled map; as text "t=10,tap=9,pool=2". Several settings are joined by '+': their
 * features stand side by side in a row. */
#ifndef DUET_SETTING_H
#define DUET_SETTING_H

#include <duet/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUET_LEVEL_UNSET (-2) /* t of a setting that does not say it */

typedef struct duet_setting {
    int64_t t;    /* level of noise; -1 = clean; DUET_LEVEL_UNSET */
    double sigma; /* instead of t: the level whose sigma is nearest; 0 = not said */
    int64_t tap;  /* block number; 0 = not said */
    int64_t pool; /* side of the pooled map; 0 = not said */
    /* The features are the mean over so many draws of the noise; 0 and 1 are one. */
    int64_t draws;
    bool flip; /* the mean with those of the mirrored image, mirrored back */
    /* only the first channels of the map; 0 = all (sFID reads 7 of Inception's Mixed_6d) */
    int64_t channels;
} duet_setting;

/* The parameters of a setting: the keys of the text, and flags of the command line. */
extern const duet_param_table duet_setting_params;

#define DUET_MOST_SETTINGS 16   /* joined in one row */
#define DUET_SETTINGS_SIZE 1024 /* of their text, with its NUL */

/* Settings that are joined, in the order of their features. */
typedef struct duet_settings {
    int count;
    duet_setting v[DUET_MOST_SETTINGS];
} duet_settings;

/* One setting, one draw of the noise. */
duet_settings duet_settings_of(int64_t t, int64_t tap, int64_t pool);
bool duet_setting_equal(const duet_setting *a, const duet_setting *b);
/* "t=5,tap=7,pool=7+t=5,tap=10,pool=4"; what is not said stays unset. "" = none. */
DUET_NODISCARD duet_status duet_settings_parse(duet_settings *out, const char *text);
/* The text of them, without what is usual (one draw, not mirrored). Returns what snprintf would. */
int duet_settings_print(const duet_settings *settings, char *out, size_t size);
/* As a JSON object: {"t":10,"tap":9,"pool":2}, of several {"settings":[{"t":5,…},…]}. Returns what
 * snprintf would. */
int duet_settings_print_json(const duet_settings *settings, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
