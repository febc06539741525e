/* Arrays of numbers of one document. Their values stand one behind the other in a bytearray. */

#ifndef LIGHTSHIP_ARRAYS_H
#define LIGHTSHIP_ARRAYS_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "number.h"

enum {
    DEEPEST = 32,         /* levels of nested lists; numpy's own limit is 64 */
    SHORTEST_ARRAY = 256, /* bytes of text; for shorter arrays, lists are as good */
};

typedef struct {
    Py_ssize_t start, end;   /* its text */
    Py_ssize_t first, count; /* its values */
    Py_ssize_t shape;        /* where its shape is in `shapes` */
    int depth;
    Kind kind;
} Array;

typedef struct {
    const char *text, *end;
    PyObject *buffer; /* a bytearray of `room` values, or NULL */
    char *values;
    Py_ssize_t count, room;
    Array *arrays;
    Py_ssize_t size, capacity;
    Py_ssize_t *shapes;
    Py_ssize_t shapes_size, shapes_capacity;
    PyThreadState *state; /* of this thread, which does not hold the interpreter's lock */
} Arrays;

typedef enum { NO_ARRAY, AN_ARRAY, OUT_OF_MEMORY } Found;

/* Reads the array at `start`, a bracket, and adds it as the last one. `*behind` becomes the end of its text, or how far
   it could be read: NO_ARRAY for everything but non-empty lists of numbers that have one shape throughout. */
Found read_array(Arrays *arrays, const char *start, const char **behind);

/* Forgets the last array. */
void drop_array(Arrays *arrays);

/* How many lists the last array consists of. */
Py_ssize_t lists_of(const Arrays *arrays);

void free_arrays(Arrays *arrays);

/* Makes room for one more item of `size` bytes in a block of `*capacity` items. Returns 0 if there is no memory. */
int grow(void *block, Py_ssize_t *capacity, Py_ssize_t needed, size_t size);

#endif
