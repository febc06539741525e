/* Writes the lines of the access log. */

#ifndef LIGHTSHIP_LINES_H
#define LIGHTSHIP_LINES_H

#include <stddef.h>

/* Bytes that somebody else owns. */
typedef struct {
    const char *start;
    size_t size;
} Text;

enum { STAGES = 5, LABELS = 4 + STAGES };

/* What the lines of requests have in common that were answered together. `labels` stand before the bytes in, the bytes
   out, the whole time, its stages, and the id; `end` stands after the id. Times are in seconds. */
typedef struct {
    Text labels[LABELS], end, moment, what;
    double ended, decode, run, encode;
} Common;

/* What is the line's own. */
typedef struct {
    Text client, id;
    double begun, received;
    unsigned long long bytes_in, bytes_out;
} Own;

/* The most bytes of a line, without those of its client and id. */
size_t most_bytes(const Common *common);

/* Writes a line to where there is room for it. Returns its end. */
char *write_line(char *to, const Common *common, const Own *own);

#endif
