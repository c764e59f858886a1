/* SPDX-License-Identifier: MIT
 * cli/term.c: the terminal: progress bar with rate and time left, log lines, signals, failures. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile sig_atomic_t interrupts;

static void on_signal(int number) {
    (void)number;
    if (++interrupts > 1) _exit(CLI_INTERRUPTED);
    static const char text[] =
        "\nduet: stopping at the next safe point and saving; press Ctrl-C again to stop at once\n";
    const ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
}

void cli_watch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN}, before;
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* under nohup the program survives a closed terminal */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    /* a closed pipe or an exceeded file size limit is an error of the write, and training continues
     * without a reader */
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

bool cli_interrupted(void) {
    return interrupts > 0;
}

/* The state of the progress bar on the screen. The program has only one terminal, so this is the
 * only place with global state. */
static struct bar {
    char task[64];
    double start, shown, first, last; /* first, last: of `done` */
    bool visible;
} bar;

void cli_progress_end(void) {
    if (bar.visible) fputs(isatty(STDERR_FILENO) ? "\r\033[K" : "", stderr);
    memset(&bar, 0, sizeof bar);
}

/* The width of the terminal; a line that wraps could not be erased. */
static int columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col - 1 : 79;
}

/* Truncates UTF-8 text after `most` characters. */
static void cut(char *text, int most) {
    for (; *text; text++) {
        if (((unsigned char)*text & 0xC0U) != 0x80U && most-- == 0) *text = '\0';
        if (!*text) return;
    }
}

static void draw(const duet_progress *p, double now, bool tty) {
    char left[32] = "", text[32] = "", line[512];
    const double seconds = now - bar.start, moved = p->done - bar.first;
    const double rate = seconds > 0 ? moved / seconds : 0;
    const int width = 20,
              filled =
                  p->total > 0 ? (int)(width * (p->done < p->total ? p->done / p->total : 1.0)) : 0;
    if (p->total > 0 && rate > 0) cli_duration(left, (p->total - p->done) / rate);
    for (int i = 0; i < width; i++) text[i] = i < filled ? '#' : '.';
    int n = snprintf(line, sizeof line, "%.120s", p->task);
    if (p->total > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, " [%s] %3.0f %%", text,
                      100 * (p->done < p->total ? p->done / p->total : 1.0));
    n += snprintf(line + n, sizeof line - (size_t)n, "  %.*f %.32s/s", rate < 10 ? 1 : 0, rate,
                  p->unit);
    if (*left) n += snprintf(line + n, sizeof line - (size_t)n, "  %s left", left);
    if (p->detail != NULL) snprintf(line + n, sizeof line - (size_t)n, "  %.120s", p->detail);
    if (tty) cut(line, columns());
    fprintf(stderr, "%s%s%s", tty ? "\r\033[K" : "", line, tty ? "" : "\n");
    (void)fflush(stderr);
}

void cli_progress(const duet_progress *p, void *user) {
    cli_state *cli = user;
    const double now = duet_clock();
    const bool tty = isatty(STDERR_FILENO);
    if (cli->announce[0]) cli_say(cli, "%s", cli->announce);
    cli->announce[0] = '\0';
    if (strncmp(bar.task, p->task, sizeof bar.task - 1) != 0 || p->done < bar.last) {
        cli_progress_end();
        snprintf(bar.task, sizeof bar.task, "%s", p->task);
        bar.start = bar.shown = now;
        bar.first = bar.last = p->done;
        return;
    }
    bar.last = p->done;
    /* nothing in the first two seconds; then five times per second on a terminal, twice per minute
     * in a log */
    if (now - bar.start < 2 || now - bar.shown < (tty ? 0.2 : 30)) return;
    bar.shown = now;
    bar.visible = true;
    draw(p, now, tty);
}

/* Whether this line was printed before, since a training reads its images more than once. Compared
 * by FNV-1a hashes; a line that finds no room in the table is printed again. */
static bool told(const char *message) {
    static uint64_t seen[256];
    uint64_t hash = 0xcbf29ce484222325U;
    for (; *message; message++) hash = (hash ^ (unsigned char)*message) * 0x100000001b3U;
    uint64_t *slot = &seen[hash % DUET_COUNT(seen)];
    const bool before = *slot == hash;
    *slot = hash;
    return before;
}

void cli_log(duet_log_level level, const char *message, void *user) {
    const cli_state *state = user;
    if (level == DUET_LOG_DEBUG ||
        (state != NULL && state->common.quiet && level != DUET_LOG_WARNING))
        return;
    if (level == DUET_LOG_WARNING && told(message)) return;
    if (bar.visible && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    fprintf(stderr, "%s%s\n", level == DUET_LOG_WARNING ? "duet: warning: " : "", message);
}

/* The failure that the command itself found. */
static char own_message[1024];
static bool own_usage;

duet_status cli_fail(duet_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(own_message, sizeof own_message, format, args);
    va_end(args);
    return status;
}

duet_status cli_wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(own_message, sizeof own_message, format, args);
    va_end(args);
    own_usage = true;
    return DUET_ARG;
}

const char *cli_message(void) {
    return *own_message ? own_message : duet_error_message();
}

int cli_report_failure(cli_state *cli, duet_status status) {
    char name[64] = "duet";
    if (own_usage && cli->cmd != NULL) snprintf(name, sizeof name, "duet %s", cli->cmd->info.name);
    fprintf(stderr, "%s: %s%s\n", name, status == DUET_CANCELLED ? "interrupted: " : "",
            cli_message());
    if (!cli->json_done) {
        json_t *object = json_pack("{s:o,s:s}", "error", cli_name(cli_message()), "code",
                                   duet_status_name(status));
        cli_json(cli, object);
        (void)fflush(stdout);
    }
    return status == DUET_CANCELLED ? CLI_INTERRUPTED : own_usage ? CLI_USAGE : CLI_FAILED;
}

void cli_say(const cli_state *cli, const char *format, ...) {
    if (cli->common.json || cli->common.quiet) return;
    cli_progress_end();
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    (void)fflush(stdout);
}

void cli_json(cli_state *cli, json_t *object) {
    if (cli->common.json && object != NULL && !cli->json_done) {
        json_dumpf(object, stdout, JSON_INDENT(2));
        printf("\n");
        cli->json_done = true;
    }
    json_decref(object);
}

void cli_json_file(cli_state *cli, const char *path) {
    json_error_t error;
    if (cli->common.json) cli_json(cli, json_load_file(path, 0, &error));
}
