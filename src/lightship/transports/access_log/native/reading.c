#include "reading.h"

int read_text(PyObject *object, Text *text) {
    char *start;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &start, &size)) return 0;
    *text = (Text){start, (size_t)size};
    return 1;
}

int read_seconds(PyObject *object, double *seconds) {
    if (!PyFloat_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a time must be a float");
        return 0;
    }
    *seconds = PyFloat_AsDouble(object);
    return 1;
}

int read_number(PyObject *object, unsigned long long *number) {
    *number = PyLong_AsUnsignedLongLong(object);
    return *number != (unsigned long long)-1 || !PyErr_Occurred();
}

static int read_form(PyObject *form, Common *common) {
    if (!PyTuple_Check(form) || PyTuple_Size(form) != LABELS + 1) {
        PyErr_SetString(PyExc_TypeError, "the form of the lines must be a tuple of 10 texts");
        return 0;
    }
    for (int at = 0; at < LABELS; at++)
        if (!read_text(PyTuple_GetItem(form, at), &common->labels[at])) return 0;
    return read_text(PyTuple_GetItem(form, LABELS), &common->end);
}

int read_common(PyObject *const arguments[COMMON], Common *common) {
    return read_form(arguments[0], common) && read_text(arguments[1], &common->moment) &&
           read_text(arguments[2], &common->what) && read_seconds(arguments[3], &common->ended) &&
           read_seconds(arguments[4], &common->decode) && read_seconds(arguments[5], &common->run) &&
           read_seconds(arguments[6], &common->encode);
}

int check_count(Py_ssize_t count, Py_ssize_t expected) {
    if (count != expected)
        PyErr_Format(PyExc_TypeError, "there must be %zd arguments, and there are %zd", expected, count);
    return count == expected;
}
