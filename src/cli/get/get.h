/* SPDX-License-Identifier: MIT
 * cli/get/get.h: duet data get: the one place of the program that uses a network. A set is files
 * with addresses and checksums; archives among them are unpacked. */
#ifndef DUET_CLI_GET_GET_H
#define DUET_CLI_GET_GET_H

#include "cli/cli.h"

enum { GET_FILES = 4 };

typedef struct get_file {
    const char *url, *name, *md5; /* name: in the folder; md5: 32 lower-case digits */
    const char
        *inside; /* of an archive: what it brings, by which it is seen that it was unpacked */
} get_file;

typedef struct get_set {
    const char *name, *title, *home; /* home: page with the terms of use */
    const char *megabytes;           /* to download, about */
    get_file file[GET_FILES];
    int count;
} get_set;

/* Those that are known. */
const get_set *get_sets(int *count);
/* One of them, or a description in JSON: {"name", "files": [{"url", "md5", "name", "inside"}]},
 * whose strings live in *owner (json_decref). */
duet_status get_find(get_set *out, json_t **owner, const char *name);

/* Downloads to `path`, going on with `path`.part; refuses what has another checksum. */
duet_status get_download(cli_state *cli, const char *url, const char *md5, const char *path);
/* The MD5 of a file as 32 digits; false where it cannot be read. */
bool get_md5(char out[33], const char *path);
/* Unpacks an archive into a folder; names that lead out of it are refused. Nothing is there unless
 * all is. */
duet_status get_unpack(cli_state *cli, const char *archive, const char *folder);

/* The whole command: the set `name` into `folder` ("" = its name), from a mirror ("" = from where
 * it is published). */
duet_status get_set_into(cli_state *cli, const char *name, const char *folder, const char *mirror);

#endif
