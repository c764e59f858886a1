/* SPDX-License-Identifier: MIT
 * cli/get/download.c: one file by libcurl, which is loaded when it is needed: no other command
 * waits for it, and the program runs where there is none. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <md5.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/get/get.h"

/* The functions of libcurl that are used. */
typedef struct curl_library {
    void *handle;
    __typeof__(&curl_easy_init) init;
    CURLcode (*setopt)(CURL *curl, CURLoption option, ...);
    __typeof__(&curl_easy_perform) perform;
    CURLcode (*getinfo)(CURL *curl, CURLINFO info, ...);
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_strerror) strerror;
} curl_library;

static duet_status load(curl_library *out) {
    static const char *const files[] = {"libcurl-gnutls.so.4", "libcurl.so.4", "libcurl.dylib"};
    *out = (curl_library){.handle = NULL};
    for (int i = 0; i < DUET_COUNT(files) && out->handle == NULL; i++)
        out->handle = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (out->handle == NULL)
        return cli_fail(DUET_UNSUPPORTED, "downloading needs libcurl, which is not installed "
                                          "('apt-get install libcurl3-gnutls' on Debian)");
    *(void **)&out->init = dlsym(out->handle, "curl_easy_init");
    *(void **)&out->setopt = dlsym(out->handle, "curl_easy_setopt");
    *(void **)&out->perform = dlsym(out->handle, "curl_easy_perform");
    *(void **)&out->getinfo = dlsym(out->handle, "curl_easy_getinfo");
    *(void **)&out->cleanup = dlsym(out->handle, "curl_easy_cleanup");
    *(void **)&out->strerror = dlsym(out->handle, "curl_easy_strerror");
    if (out->init && out->setopt && out->perform && out->getinfo && out->cleanup && out->strerror)
        return DUET_OK;
    return cli_fail(DUET_UNSUPPORTED, "this libcurl lacks functions that are needed");
}

bool get_md5(char out[33], const char *path) {
    static uint8_t block[1 << 16];
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5_CTX sum;
    FILE *const file = fopen(path, "rb");
    if (file == NULL) return false;
    MD5Init(&sum);
    for (size_t got = 1; got > 0;) {
        got = fread(block, 1, sizeof block, file);
        MD5Update(&sum, block, got);
    }
    const bool whole = !ferror(file);
    fclose(file);
    MD5Final(digest, &sum);
    for (int i = 0; i < MD5_DIGEST_LENGTH; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return whole;
}

/* ---- a transfer ---- */

typedef struct transfer {
    cli_state *cli;
    const char *name;
    curl_off_t before; /* bytes that are there already */
} transfer;

static int progress(void *user, curl_off_t total, curl_off_t done, curl_off_t up_total,
                    curl_off_t up) {
    const transfer *const t = user;
    char task[160];
    (void)up_total;
    (void)up;
    if (cli_interrupted()) return 1;
    if (total <= 0) return 0;
    snprintf(task, sizeof task, "downloading %.120s", t->name);
    const duet_progress step = {.task = task,
                                .unit = "MB",
                                .done = (double)(t->before + done) * 1e-6,
                                .total = (double)(t->before + total) * 1e-6,
                                .detail = ""};
    cli_progress(&step, t->cli);
    return 0;
}

static CURL *prepare(const curl_library *lib, const char *url, FILE *file, transfer *t) {
    CURL *const curl = lib->init();
    if (curl == NULL) return NULL;
    lib->setopt(curl, CURLOPT_URL, url);
    lib->setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
    lib->setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    lib->setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    lib->setopt(curl, CURLOPT_FAILONERROR, 1L);
    lib->setopt(curl, CURLOPT_NOSIGNAL, 1L);
    lib->setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
    lib->setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* nothing for a minute: it hangs */
    lib->setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    lib->setopt(curl, CURLOPT_WRITEDATA, file);
    lib->setopt(curl, CURLOPT_NOPROGRESS, 0L);
    lib->setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    lib->setopt(curl, CURLOPT_XFERINFODATA, t);
    if (t->before > 0) lib->setopt(curl, CURLOPT_RESUME_FROM_LARGE, t->before);
    return curl;
}

static duet_status explain(const curl_library *lib, CURL *curl, CURLcode code, const char *url,
                           const char *md5, const char *path) {
    long answer = 0;
    lib->getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return cli_fail(DUET_CANCELLED, "interrupted; the same command goes on with '%s.part'",
                        path);
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
        code == CURLE_OPERATION_TIMEDOUT)
        return cli_fail(DUET_IO,
                        "cannot reach '%s': %s; without a network, put the file (MD5 %s) there as "
                        "'%s' and give the same command, or give a mirror with --from",
                        url, lib->strerror(code), md5, path);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return cli_fail(DUET_NOT_FOUND,
                        "'%s' is not to be had any more (the server answers %ld); --from takes a "
                        "mirror",
                        url, answer);
    return cli_fail(DUET_IO, "downloading '%s': %s; the same command goes on with '%s.part'", url,
                    lib->strerror(code), path);
}

/* A server that cannot go on gives all of it anew. */
static bool from_the_start(CURLcode code, long answer, curl_off_t before) {
    return before > 0 && (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME ||
                          answer == 416 /* there is no more */);
}

static duet_status receive(cli_state *cli, const curl_library *lib, const char *url,
                           const char *md5, const char *path, const char *part) {
    struct stat info;
    const char *const slash = strrchr(path, '/');
    transfer t = {.cli = cli,
                  .name = slash != NULL ? slash + 1 : path,
                  .before = stat(part, &info) == 0 ? (curl_off_t)info.st_size : 0};
    FILE *const file = fopen(part, t.before > 0 ? "ab" : "wb");
    if (file == NULL) return cli_fail(DUET_IO, "cannot write '%s': %s", part, strerror(errno));
    CURL *const curl = prepare(lib, url, file, &t);
    long answer = 0;
    const CURLcode code = curl != NULL ? lib->perform(curl) : CURLE_FAILED_INIT;
    if (curl != NULL) lib->getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    const bool written = fclose(file) == 0;
    duet_status status = DUET_OK;
    cli_progress_end();
    if (from_the_start(code, answer, t.before)) {
        lib->cleanup(curl);
        return unlink(part) == 0 ? receive(cli, lib, url, md5, path, part)
                                 : cli_fail(DUET_IO, "cannot remove '%s'", part);
    }
    if (code != CURLE_OK)
        status = explain(lib, curl, code, url, md5, path);
    else if (!written)
        status = cli_fail(DUET_IO, "cannot write '%s': %s", part, strerror(errno));
    if (curl != NULL) lib->cleanup(curl);
    if (status != DUET_OK && stat(part, &info) == 0 && info.st_size == 0) (void)unlink(part);
    return status;
}

duet_status get_download(cli_state *cli, const char *url, const char *md5, const char *path) {
    char part[CLI_PATH], sum[33] = "";
    curl_library lib;
    snprintf(part, sizeof part, "%.4000s.part", path);
    duet_status status = load(&lib);
    if (status == DUET_OK) status = receive(cli, &lib, url, md5, path, part);
    if (status != DUET_OK) return status;
    if (!get_md5(sum, part) || strcmp(sum, md5) != 0) {
        (void)unlink(part);
        return cli_fail(DUET_FORMAT,
                        "'%s' gave another file than was published: its MD5 is %s, not %s; it was "
                        "removed",
                        url, sum, md5);
    }
    return rename(part, path) == 0
               ? DUET_OK
               : cli_fail(DUET_IO, "cannot write '%s': %s", path, strerror(errno));
}
