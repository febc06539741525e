/* Checks a JSON document, without the interpreter's lock, and reads its long arrays of numbers. */

#ifndef LIGHTSHIP_CHECK_H
#define LIGHTSHIP_CHECK_H

#include "arrays.h"

typedef struct {
    const char *behind; /* the end of the first complete value, or where the fault is */
    Fault fault;
    Py_ssize_t containers; /* lists and objects that are not part of a long array of numbers */
} Checked;

/* Checks the first complete value at `start`. More than `most` containers are the fault TOO_MANY_CONTAINERS.
   With `only_lists`, no array of numbers is read. */
Checked check_document(Arrays *arrays, const char *start, Py_ssize_t most, int only_lists);

#endif
