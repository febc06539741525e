/* Reads Python's objects. Each function returns 0, with an exception, for an object of another type. */

#ifndef LIGHTSHIP_READING_H
#define LIGHTSHIP_READING_H

#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "lines.h"

int read_text(PyObject *object, Text *text);
int read_seconds(PyObject *object, double *seconds);
int read_number(PyObject *object, unsigned long long *number);

/* Reads the form of the lines, the parts with the time and with what was asked, when the requests ended, and the seconds
   of decoding, running and encoding. */
enum { COMMON = 7 };
int read_common(PyObject *const arguments[COMMON], Common *common);

/* Returns 0, with an exception, if there are not as many arguments as expected. */
int check_count(Py_ssize_t count, Py_ssize_t expected);

#endif
