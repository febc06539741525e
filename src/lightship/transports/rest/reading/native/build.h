/* Builds the Python objects of a document that was checked. */

#ifndef LIGHTSHIP_BUILD_H
#define LIGHTSHIP_BUILD_H

#include "arrays.h"

typedef struct {
    PyObject *body;       /* the bytes */
    PyObject *make_array; /* (body, start, end, buffer, first, count, shape, kind): a NumberArray */
    PyObject *add_member; /* (object, name, value): an object with one more member, whose name may be there already */
} Makers;

/* Returns the value at `start`, or NULL if Python raised an error. The interpreter's lock is released now and then. */
PyObject *build_document(const Arrays *arrays, const char *start, const Makers *makers);

#endif
