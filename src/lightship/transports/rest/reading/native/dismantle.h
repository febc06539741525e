/* Frees large values in small steps. */

#ifndef LIGHTSHIP_DISMANTLE_H
#define LIGHTSHIP_DISMANTLE_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Empties a list or a dict and all lists and dicts in it. The interpreter's lock is released now and then. */
void dismantle(PyObject *value);

#endif
