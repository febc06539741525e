/* Finds numbers in the text of an array that was read before. */

#ifndef LIGHTSHIP_FIND_H
#define LIGHTSHIP_FIND_H

#include "arrays.h"

/* Returns the index of the first number in [at, end) that is not an integer from `low` to `high`, or -1. */
Py_ssize_t find_outside(const char *at, const char *end, int64_t low, uint64_t high);

/* Returns the index of the first number in [at, end) that is an integer literal of at most 64 bits, or -1. */
Py_ssize_t find_integer(const char *at, const char *end);

/* Returns the offset of the number that has this index in [at, end). */
Py_ssize_t find_index(const char *at, const char *end, Py_ssize_t index);

#endif
