/* SPDX-License-Identifier: MIT
 * tests/cli/json_check.c: is standard input exactly one JSON object? For the scripts of this
 * folder.
 *   json_check [KEY | KEY=VALUE]…
 *   every KEY is there ("a.b" looks inside, numbers index lists) and prints as VALUE
 *   json_check -p KEY               prints the value
 * Exit code 0 yes, 1 no (with the reason). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *find(json_t *at, const char *path) {
    char key[128];
    while (at != NULL && *path != '\0') {
        const size_t size = strcspn(path, ".");
        if (size >= sizeof key) return NULL;
        memcpy(key, path, size);
        key[size] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)strtol(key, NULL, 10))
                               : json_object_get(at, key);
        path += size + (path[size] == '.' ? 1 : 0);
    }
    return at;
}

static void print(char *out, size_t size, const json_t *value) {
    if (json_is_string(value)) {
        snprintf(out, size, "%s", json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out, size, "%s", text != NULL ? text : "");
    free(text);
}

static int check(json_t *root, const char *wanted) {
    char key[256], text[4096];
    const char *equals = strchr(wanted, '=');
    snprintf(key, sizeof key, "%.*s", equals != NULL ? (int)(equals - wanted) : (int)strlen(wanted),
             wanted);
    const json_t *value = find(root, key);
    if (value == NULL) {
        printf("json: no key '%s'\n", key);
        return 1;
    }
    print(text, sizeof text, value);
    if (equals == NULL || strcmp(equals + 1, text) == 0) return 0;
    printf("json: '%s' is '%s', not '%s'\n", key, text, equals + 1);
    return 1;
}

int main(int argc, char **argv) {
    json_error_t error;
    json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error); /* trailing text is refused */
    int failed = !json_is_object(root);
    if (failed) printf("json: line %d: %s\n", error.line, error.text);
    if (!failed && argc == 3 && strcmp(argv[1], "-p") == 0) {
        char text[4096] = "";
        const json_t *value = find(root, argv[2]);
        if (value != NULL) print(text, sizeof text, value);
        puts(text);
    } else {
        for (int i = 1; i < argc && !failed; i++) failed = check(root, argv[i]);
    }
    json_decref(root);
    return failed;
}
