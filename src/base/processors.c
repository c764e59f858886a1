/* SPDX-License-Identifier: MIT
 * base/processors.c: how many processors this process may keep busy: those of its affinity mask,
 * and no more than the CPU quota of its control groups, which is how containers are limited.
 *
 * Where a group lies: /proc/self/cgroup names the process's group in each hierarchy, and
 * /proc/self/mountinfo says where a hierarchy is mounted and which of its groups is the mount's
 * root. In a container that root is often the container's own group, or the names are relative to a
 * namespace; where the name does not lie below the mount's root, the root itself is the group.
 * A quota of any ancestor holds too. Files, by Documentation/admin-guide of Linux:
 *   version 2: cpu.max, "<microseconds>|max <period>"
 *   version 1: cpu.cfs_quota_us (-1 = none) and cpu.cfs_period_us */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/system.h"

#define MOST_PROCESSORS 4096
#define LINE_SIZE       8192
#define PERIOD          100000.0 /* microseconds, where a file does not say */

typedef struct group {
    char mount[DUET_PATH_SIZE]; /* folder of the hierarchy */
    char name[DUET_PATH_SIZE];  /* of the group below it: "" or "/a/b" */
} group;

/* The first line of <folder>/<name>, without its end. */
static bool first_line(char *out, size_t size, const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    if (!duet_path_in(path, folder, name)) return false;
    FILE *file = fopen(path, "r");
    const bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL) fclose(file);
    if (read) out[strcspn(out, "\n")] = '\0';
    return read;
}

/* Processors that one group allows; INFINITY = no limit, or none that can be read. */
static double allowed(const char *folder) {
    char quota[64], period[64] = "";
    double amount = 0.0, each = PERIOD;
    if (first_line(quota, sizeof quota, folder, "cpu.max")) {
        char *const space = strchr(quota, ' ');
        if (space != NULL) {
            *space = '\0';
            (void)duet_copy_text(period, sizeof period, space + 1);
        }
    } else if (first_line(quota, sizeof quota, folder, "cpu.cfs_quota_us")) {
        if (!first_line(period, sizeof period, folder, "cpu.cfs_period_us")) period[0] = '\0';
    } else {
        return INFINITY;
    }
    if (!duet_parse_f64(&amount, quota) || !(amount > 0.0)) return INFINITY; /* "max", -1 */
    if (period[0] != '\0' && (!duet_parse_f64(&each, period) || !(each > 0.0))) return INFINITY;
    return amount / each;
}

/* The least of a group and its ancestors, up to the root of the mount. */
static double least(const group *where) {
    char folder[DUET_PATH_SIZE];
    double processors = INFINITY;
    if (duet_path_join(folder, where->mount, where->name + (where->name[0] == '/')) != DUET_OK)
        return INFINITY;
    const size_t top = strlen(where->mount);
    for (;;) {
        processors = fmin(processors, allowed(folder));
        char *const slash = strrchr(folder, '/');
        if (slash == NULL || strlen(folder) <= top || (size_t)(slash - folder) < top) break;
        *slash = '\0';
    }
    return processors;
}

/* Is `word` among words that are joined by commas? */
static bool has_option(const char *list, const char *word) {
    const size_t size = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0';) {
        const size_t taken = strcspn(at, ",\n");
        if (taken == size && strncmp(at, word, size) == 0) return true;
        at = at[taken] == ',' ? at + taken + 1 : NULL;
    }
    return false;
}

/* Blanks in names of mountinfo are \040, and so on. */
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* The name of the process's group in the hierarchy of version 2 (line "0::<name>"), or in that of
 * version 1 with the controller `cpu` ("<number>:cpu,cpuacct:<name>"). */
static bool group_name(char out[DUET_PATH_SIZE], const char *root, bool version2) {
    char path[DUET_PATH_SIZE], line[LINE_SIZE];
    if (duet_path_join(path, root, "proc/self/cgroup") != DUET_OK) return false;
    FILE *file = fopen(path, "r");
    bool found = false;
    while (!found && file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *const first = strchr(line, ':'), *const second =
                                                   first != NULL ? strchr(first + 1, ':') : NULL;
        if (second == NULL) continue;
        *second = '\0';
        const bool fits = version2 ? strncmp(line, "0::", 2) == 0 && first[1] == '\0'
                                   : has_option(first + 1, "cpu");
        second[1 + strcspn(second + 1, "\n")] = '\0';
        found = fits && duet_copy_text(out, DUET_PATH_SIZE, second + 1);
    }
    if (file != NULL) fclose(file);
    return found;
}

/* What of the group's name lies below the mount's root; "" where it does not. */
static const char *below(const char *name, const char *mount_root) {
    const size_t size = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    const bool inside = strncmp(name, mount_root, size) == 0 &&
                        (name[size] == '/' || name[size] == '\0') && strstr(name, "/..") == NULL;
    return inside && strcmp(name + size, "/") != 0 ? name + size : "";
}

/* One line of mountinfo: "36 35 98:0 <root> <folder> <options> [fields] - <type> <source>
 * <options>".
 */
static bool read_mount(group *out, char *line, const char *name, const char *root, bool version2) {
    char *fields[6] = {0}, *tail = strstr(line, " - "), *rest = NULL;
    if (tail == NULL) return false;
    *tail = '\0';
    int count = 0;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && count < 6;
         word = strtok_r(NULL, " ", &rest))
        fields[count++] = word;
    const char *const type = strtok_r(tail + 3, " \n", &rest);
    const char *const source = strtok_r(NULL, " \n", &rest);
    const char *const options = strtok_r(NULL, " \n", &rest);
    if (count < 5 || type == NULL || source == NULL) return false;
    if (strcmp(type, version2 ? "cgroup2" : "cgroup") != 0) return false;
    if (!version2 && (options == NULL || !has_option(options, "cpu"))) return false;
    unescape(fields[3]);
    unescape(fields[4]);
    return duet_path_join(out->mount, root, fields[4] + (fields[4][0] == '/')) == DUET_OK &&
           duet_copy_text(out->name, sizeof out->name, below(name, fields[3]));
}

static double quota(const char *root, bool version2) {
    char path[DUET_PATH_SIZE], line[LINE_SIZE], name[DUET_PATH_SIZE];
    group where;
    double processors = INFINITY;
    if (!group_name(name, root, version2) ||
        duet_path_join(path, root, "proc/self/mountinfo") != DUET_OK)
        return INFINITY;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (read_mount(&where, line, name, root, version2))
            processors = fmin(processors, least(&where));
    if (file != NULL) fclose(file);
    return processors;
}

int duet_cpu_quota(const char *root) {
    const double processors = ceil(fmin(quota(root, true), quota(root, false)));
    return processors <= MOST_PROCESSORS ? (int)processors : 0;
}

static int in_mask(void) {
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > MOST_PROCESSORS ? MOST_PROCESSORS : (int)online;
}

int duet_processors(void) {
    const int mask = in_mask(), limit = duet_cpu_quota("/");
    return limit > 0 && limit < mask ? limit : mask;
}
