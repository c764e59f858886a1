/* SPDX-License-Identifier: MIT
 * tests/cli/serve_files.c: serve_files FOLDER: an HTTP server of this machine alone, one request at
 * a time; its port is written to FOLDER/port, its requests to FOLDER/log ("/name 100": from byte
 * 100). Where FOLDER/cut holds a number, the next answer ends after so many bytes; where
 * FOLDER/whole exists, ranges are ignored, as simple servers do. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *folder;

static FILE *open_in(const char *name, const char *mode) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, mode);
}

/* A number in a file, which is removed; -1 = there is none. */
static long take_number(const char *name) {
    char path[4096];
    long number = -1;
    FILE *file = open_in(name, "r");
    if (file == NULL) return -1;
    if (fscanf(file, "%ld", &number) != 1) number = -1;
    fclose(file);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    return number;
}

static void put(int to, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void answer(int to, const char *name, long from) {
    char head[256], *body = NULL;
    FILE *file = strstr(name, "..") == NULL ? open_in(name, "rb") : NULL;
    if (file == NULL) {
        static const char none[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        put(to, none, sizeof none - 1);
        return;
    }
    fseek(file, 0, SEEK_END);
    const long size = ftell(file), cut = take_number("cut");
    FILE *whole = open_in("whole", "r");
    if (whole != NULL) fclose(whole);
    if (whole != NULL || from > size) from = 0;
    body = malloc((size_t)size + 1);
    rewind(file);
    const long got = (long)fread(body, 1, (size_t)size, file);
    fclose(file);
    snprintf(head, sizeof head,
             from > 0 ? "HTTP/1.1 206 Partial Content\r\nContent-Length: %ld\r\n"
                        "Content-Range: bytes %ld-%ld/%ld\r\nConnection: close\r\n\r\n"
                      : "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\nConnection: close\r\n\r\n",
             got - from, from, got - 1, got);
    put(to, head, strlen(head));
    const long left = got - from;
    put(to, body + from, (size_t)(cut >= 0 && cut < left ? cut : left));
    free(body);
}

static void serve(int to) {
    char request[8192] = "", name[1024] = "";
    size_t used = 0;
    while (strstr(request, "\r\n\r\n") == NULL && used + 1 < sizeof request) {
        const ssize_t got = recv(to, request + used, sizeof request - 1 - used, 0);
        if (got <= 0) return;
        used += (size_t)got;
        request[used] = '\0';
    }
    const char *const range = strstr(request, "Range: bytes=");
    const long from = range != NULL ? strtol(range + 13, NULL, 10) : 0;
    if (sscanf(request, "GET /%1023[^ ]", name) != 1) return;
    FILE *log = open_in("log", "a");
    if (log != NULL) {
        fprintf(log, "/%s %ld\n", name, from);
        fclose(log);
    }
    answer(to, name, from);
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof here;
    if (argc != 2) return 2;
    folder = argv[1];
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 ||
        listen(listener, 8) != 0 || getsockname(listener, (struct sockaddr *)&here, &size) != 0)
        return 1;
    FILE *port = open_in("port.part", "w");
    char from[4096], to[4096];
    if (port == NULL) return 1;
    fprintf(port, "%d\n", ntohs(here.sin_port));
    fclose(port);
    snprintf(from, sizeof from, "%s/port.part", folder);
    snprintf(to, sizeof to, "%s/port", folder);
    if (rename(from, to) != 0) return 1;
    for (;;) {
        const int client = accept(listener, NULL, NULL);
        if (client < 0) return 1;
        serve(client);
        close(client);
    }
}
