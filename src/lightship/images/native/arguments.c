#include "arguments.h"

/* Returns 0, with an exception, if the two are not arrays of int32 that fit together. */
static int read_axis(Axis *axis, int in, PyObject *pair, Py_buffer *first, Py_buffer *weights) {
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
        PyErr_SetString(PyExc_TypeError, "the weights of an axis must be a tuple of two arrays");
        return 0;
    }
    if (PyObject_GetBuffer(PyTuple_GetItem(pair, 0), first, PyBUF_SIMPLE) ||
        PyObject_GetBuffer(PyTuple_GetItem(pair, 1), weights, PyBUF_SIMPLE))
        return 0;
    Py_ssize_t out = first->len / 4, width = out ? weights->len / 4 / out : 0;
    if (first->len != 4 * out || weights->len != 4 * out * width || out > INT32_MAX || width > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the weights of an axis must be int32 [out] and int32 [out, width]");
        return 0;
    }
    const char *fault = axis_make(axis, in, (int)out, (int)width, first->buf, weights->buf);
    if (fault) PyErr_SetString(PyExc_ValueError, fault);
    return !fault;
}

static int read_out(Resizing *self, PyObject *out) {
    if (PyObject_GetBuffer(out, &self->out, PyBUF_WRITABLE)) return 0;
    Py_ssize_t pixels = (Py_ssize_t)self->x.out * self->y.out;
    self->channels = self->out.len == pixels ? 1 : 3;
    if (self->out.len == pixels * self->channels) return 1;
    PyErr_Format(PyExc_ValueError, "the result has %zd bytes for %zd pixels of 1 or 3 bytes", self->out.len, pixels);
    return 0;
}

int resizing_begin(Resizing *self, int width, int height, PyObject *columns, PyObject *rows, PyObject *out) {
    return read_axis(&self->x, width, columns, &self->x_first, &self->x_weights) &&
           read_axis(&self->y, height, rows, &self->y_first, &self->y_weights) && read_out(self, out);
}

void resizing_end(Resizing *self) {
    Py_buffer *buffers[] = {&self->x_first, &self->x_weights, &self->y_first, &self->y_weights, &self->out};
    axis_free(&self->x);
    axis_free(&self->y);
    for (size_t at = 0; at < sizeof buffers / sizeof *buffers; at++) PyBuffer_Release(buffers[at]);
}
