/* Reads Python's objects. */

#ifndef LIGHTSHIP_ARGUMENTS_H
#define LIGHTSHIP_ARGUMENTS_H

#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "axis.h"

/* What a call resizes with. The buffers are Python's, and are held until `resizing_end`. */
typedef struct {
    Py_buffer x_first, x_weights, y_first, y_weights, out;
    Axis x, y;
    int channels, columns_first, plain;
} Resizing;

/* Reads ((first, weights), (first, weights), out): the weights of the columns and of the rows, int32 [out] and
   [out, width], and a writable buffer for uint8 [height, width, channels], 1 or 3. Returns 0, with an exception, if they do
   not fit together or to an image of this size. `resizing` must be zero before, and in either case `resizing_end` must follow. */
int resizing_begin(Resizing *resizing, int width, int height, PyObject *columns, PyObject *rows, PyObject *out);
void resizing_end(Resizing *resizing);

#endif
