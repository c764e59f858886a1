/* SPDX-License-Identifier: MIT
 * report/report.c: collects what a run folder holds and dispatches over the sections. Only a
 * missing folder, a failed write and lack of memory are errors; anything wrong with a file's
 * content becomes a sentence on the page. */
#include <duet/report.h>

#include "base/error.h"
#include "report/section.def"
#include "report/section.h"
#include "run/run_record.h"

#include <stdlib.h>
#include <string.h>

DUET_FAMILY(section, DUET_SECTIONS, "sections of the page");

enum { SECTIONS = DUET_COUNT(duet_entries_of_section) };

static int64_t step_number(const char *folder) {
    const char *dash = strrchr(folder, '-');
    return dash != NULL ? strtoll(dash + 1, NULL, 10) : 0;
}

/* The folders `command`-NNN, newest first. A folder without a result.json is a step that is still
 * running. */
static void load_steps(duet_report *report, duet_report_steps *steps, const duet_listing *listing,
                       const char *command) {
    const char *prefix = duet_arena_format(report->arena, "%s-", command);
    steps->item = duet_arena_alloc(report->arena, listing->count, sizeof *steps->item);
    if (prefix == NULL || steps->item == NULL) return;
    for (int64_t i = 0; i < listing->count; i++) {
        const char *folder = listing->name[i], *digits = folder + strlen(prefix);
        if (!duet_starts_with(folder, prefix) || *digits == 0 ||
            strspn(digits, "0123456789") != strlen(digits))
            continue;
        const char *const place = duet_arena_format(report->arena, "%s/%s", report->run, folder),
                          *const shown =
                              duet_arena_format(report->arena, "%s/" DUET_RESULT_FILE, folder);
        char file[DUET_PATH_SIZE];
        json_t *result = NULL;
        if (place == NULL || shown == NULL || !duet_path_in(file, place, DUET_RESULT_FILE))
            continue;
        if (duet_result_record_read(&result, place, shown) != DUET_OK) {
            steps->damaged = duet_report_escape(report, duet_error_message());
            continue;
        }
        int64_t at = steps->count++;
        for (; at > 0 && step_number(steps->item[at - 1].folder) < step_number(folder); at--)
            steps->item[at] = steps->item[at - 1];
        steps->item[at] = (duet_report_step){.folder = folder, .result = result};
    }
}

/* The length of "command" in "command-NNN"; 0 where a name is no such. */
static size_t command_of(const char *folder) {
    const char *const dash = strrchr(folder, '-');
    if (dash == NULL || dash[1] == '\0' || strspn(dash + 1, "0123456789") != strlen(dash + 1))
        return 0;
    return (size_t)(dash - folder);
}

static bool known(const duet_report *report, const char *command) {
    for (int64_t i = 0; i < report->kind_count; i++)
        if (strcmp(report->kinds[i].command, command) == 0) return true;
    return false;
}

static void load_kind(duet_report *report, const duet_listing *listing, const char *command) {
    if (command == NULL || known(report, command)) return;
    duet_report_steps *const steps = &report->kinds[report->kind_count++];
    *steps = (duet_report_steps){.command = command};
    load_steps(report, steps, listing, command);
}

/* Every command that has left a step here: none has to be known by name. */
static void load_kinds(duet_report *report, const duet_listing *listing) {
    const int64_t most = SECTIONS + listing->count;
    report->kinds = duet_arena_alloc(report->arena, most, sizeof *report->kinds);
    for (int i = 0; i < SECTIONS && report->kinds != NULL; i++)
        load_kind(report, listing, duet_section_of(duet_family_section.entries[i])->command);
    for (int64_t i = 0; i < listing->count && report->kinds != NULL; i++) {
        const size_t size = command_of(listing->name[i]);
        if (size > 0)
            load_kind(report, listing,
                      duet_arena_format(report->arena, "%.*s", (int)size, listing->name[i]));
    }
}

const duet_report_steps *duet_report_steps_of(const duet_report *report, const char *command) {
    static const duet_report_steps none = {.count = 0};
    for (int64_t i = 0; i < report->kind_count; i++)
        if (strcmp(report->kinds[i].command, command) == 0) return &report->kinds[i];
    return &none;
}

static void free_steps(duet_report_steps *steps) {
    for (int64_t i = 0; i < steps->count; i++)
        json_decref((json_t *)(uintptr_t)steps->item[i].result);
    steps->count = 0;
}

static void write_page(duet_report *report, duet_str *page) {
    const duet_section *sections[SECTIONS];
    duet_str body[SECTIONS] = {{0}};
    bool failed = false;
    for (int i = 0; i < SECTIONS; i++) {
        sections[i] = duet_section_of(duet_family_section.entries[i]);
        const char *const command = sections[i]->command;
        sections[i]->write(report, command != NULL ? duet_report_steps_of(report, command) : NULL,
                           &body[i]);
    }
    duet_html_head(page, report->name);
    if (body[0].text != NULL) duet_str_add(page, body[0].text);
    duet_str_add(page, "<nav aria-label=\"Contents\">");
    for (int i = 1; i < SECTIONS; i++) {
        if (body[i].size > 0)
            duet_str_format(page, "<a href=\"#%s\">%s</a>", sections[i]->id, sections[i]->title);
    }
    duet_str_add(page, "</nav>\n");
    for (int i = 1; i < SECTIONS; i++) {
        if (body[i].size == 0) continue;
        duet_str_format(page, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[i]->id,
                        sections[i]->title);
        duet_str_add(page, body[i].text);
        duet_str_add(page, "</section>\n");
    }
    const char *version = duet_report_text(report->info, "version");
    duet_str_format(page,
                    "<footer>Made by duet %s from the files of this run folder. <code>duet "
                    "report</code> makes it again.</footer>\n",
                    version != NULL ? duet_report_escape(report, version) : DUET_VERSION);
    duet_html_foot(page);
    for (int i = 0; i < SECTIONS; i++) {
        failed = failed || body[i].failed;
        duet_str_free(&body[i]);
    }
    page->failed = page->failed || failed;
}

duet_status duet_report_write(char *out, const char *run) {
    char absolute[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_report report = {.run = absolute};
    duet_listing listing = {0};
    duet_str page = {0};
    duet_status status = DUET_OK;
    if (!duet_path_is_folder(run)) return duet_fail(DUET_NOT_FOUND, "no run folder '%s'", run);
    DUET_TRY(duet_path_absolute(absolute, run));
    DUET_DO(duet_arena_new(&report.arena));
    DUET_DO(duet_folder_list(&listing, absolute));
    if (duet_run_record_read(&report.info, absolute, DUET_RUN_FILE) != DUET_OK)
        report.info_damaged = duet_report_escape(&report, duet_error_message());
    report.name = duet_report_text(report.info, "name") != NULL
                      ? duet_report_text(report.info, "name")
                      : duet_path_base(absolute);
    load_kinds(&report, &listing);
    write_page(&report, &page);
    DUET_DO(duet_arena_status(report.arena));
    DUET_DO(duet_str_status(&page));
    DUET_DO(duet_path_join(path, absolute, "report.html"));
    DUET_DO(duet_file_write(path, page.text, page.size));
    if (out != NULL) memcpy(out, path, sizeof path);
done:
    for (int64_t i = 0; i < report.kind_count; i++) free_steps(&report.kinds[i]);
    duet_html_picture_free(&report.grid);
    duet_html_picture_free(&report.neighbours);
    json_decref(report.info);
    duet_listing_free(&listing);
    duet_arena_free(report.arena);
    duet_str_free(&page);
    return status;
}
