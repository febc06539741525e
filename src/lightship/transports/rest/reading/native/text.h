/* Strings of a JSON text. */

#ifndef LIGHTSHIP_TEXT_H
#define LIGHTSHIP_TEXT_H

#include "arrays.h"
#include "lock.h"

/* Returns the first quotation mark, backslash or control character, or `end`. */
const char *skip_plain(const char *at, const char *end);

/* Checks the string at `at`, a quotation mark. Returns the offset behind it. After a fault, it returns where that is. */
const char *check_string(const char *at, const char *end, Fault *fault);

/* Returns a valid string as Python's str, and where it ends. NULL if Python raised an error. Bytes that are not UTF-8
   become surrogates. */
PyObject *build_string(const char *at, const char *end, Lock *lock, const char **behind);

#endif
