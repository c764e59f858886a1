/* SPDX-License-Identifier: MIT
 * text_backend.h: a backend that compiles, for tests: it executes a graph from its text and the
 * content of the slots alone, node by node with the ops' references, on memory of its own, and
 * counts how often the host reaches into it. */
#ifndef DUET_TESTS_TEXT_BACKEND_H
#define DUET_TESTS_TEXT_BACKEND_H

#include "engine/backend/backend.h"

typedef struct text_counts {
    int compiled, taken; /* programs; parts of slots that were copied to the device */
    int fed, ran, read, pulled;
} text_counts;
extern text_counts text_backend_counts;
extern const duet_backend text_backend;

#endif
