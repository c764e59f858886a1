/* SPDX-License-Identifier: MIT
 * cli/show_terminal.c: pictures on the terminal behind stdout: which way of showing them it knows,
 * and its size. Terminals tell by variables of the environment; a multiplexer passes only letters
 * on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

/* A variable that holds a text; value NULL: that is set. */
static const struct {
    const char *variable, *value, *kind;
} known[] = {
    {"TMUX", NULL, "blocks"},
    {"STY", NULL, "blocks"}, /* of screen */
    {"KITTY_WINDOW_ID", NULL, "kitty"},
    {"TERM", "kitty", "kitty"},
    {"TERM", "ghostty", "kitty"},
    {"TERM_PROGRAM", "ghostty", "kitty"},
    {"TERM_PROGRAM", "WezTerm", "kitty"},
    {"KONSOLE_VERSION", NULL, "kitty"},
    {"TERM_PROGRAM", "iTerm", "iterm"},
    {"LC_TERMINAL", "iTerm", "iterm"},
    {"TERM_PROGRAM", "mintty", "sixel"},
    {"TERM", "foot", "sixel"},
    {"TERM", "mlterm", "sixel"},
    {"TERM", "sixel", "sixel"},
    {"WT_SESSION", NULL, "sixel"}, /* of Windows Terminal */
};

const char *cli_terminal_kind(void) {
    const char *const term = getenv("TERM");
    if (term == NULL || *term == '\0' || strcmp(term, "dumb") == 0) return NULL;
    for (int i = 0; i < DUET_COUNT(known); i++) {
        const char *const value = getenv(known[i].variable);
        if (value != NULL && *value != '\0' &&
            (known[i].value == NULL || strstr(value, known[i].value) != NULL))
            return known[i].kind;
    }
    return "blocks";
}

/* Where it does not tell: 80 x 24 characters of 10 x 20 pixels. A line is left for what is below.
 */
static duet_terminal_room room_of(void) {
    struct winsize size = {0};
    duet_terminal_room room = {.columns = 80, .rows = 23, .cell_width = 10, .cell_height = 20};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || size.ws_row < 2)
        return room;
    room.columns = size.ws_col;
    room.rows = size.ws_row - 1;
    if (size.ws_xpixel < size.ws_col || size.ws_ypixel < size.ws_row) return room;
    room.cell_width = size.ws_xpixel / size.ws_col;
    room.cell_height = size.ws_ypixel / size.ws_row;
    return room;
}

static void put(const char *text, int64_t size, void *user) {
    (void)user;
    (void)fwrite(text, 1, (size_t)size, stdout);
    (void)fflush(stdout);
}

duet_status cli_terminal_show(const char *kind, const uint8_t *pixels, int64_t count, int64_t size,
                              int channels, int *lines) {
    const duet_terminal_room room = room_of();
    return duet_images_show(kind, &room, pixels, count, size, channels, put, NULL, lines);
}
