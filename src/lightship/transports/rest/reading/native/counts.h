/* Counts what decides how much memory a document may take. */

#ifndef LIGHTSHIP_COUNTS_H
#define LIGHTSHIP_COUNTS_H

#include <stddef.h>

typedef struct {
    size_t commas, lists, objects, quotes;
    size_t text; /* bytes between quotation marks, as if no mark was escaped */
    int plain;   /* whether there are only ASCII characters and no backslashes */
} Counts;

Counts count_document(const char *at, const char *end);

#endif
