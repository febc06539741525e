/* The module `_native`: reads JSON documents with RapidJSON's grammar, mostly without the interpreter's lock. */

#include "build.h"
#include "check.h"
#include "counts.h"
#include "dismantle.h"
#include "find.h"

/* After the value, the offset behind it. After a fault, None, its number and where it is. */
static PyObject *result(Arrays *arrays, const char *start, Checked checked, const Makers *makers) {
    if (checked.fault == NO_MEMORY) return PyErr_NoMemory();
    Py_ssize_t offset = checked.behind - arrays->text;
    if (checked.fault) return Py_BuildValue("Oin", Py_None, (int)checked.fault, offset);
    if (arrays->buffer && PyByteArray_Resize(arrays->buffer, 8 * arrays->count)) return NULL;
    return Py_BuildValue("Nin", build_document(arrays, start, makers), 0, offset);
}

static PyObject *read_document(PyObject *module, PyObject *arguments) {
    Makers makers;
    Py_ssize_t start, size, most;
    char *text;
    int only_lists;
    if (!PyArg_ParseTuple(arguments, "SnnpOO", &makers.body, &start, &most, &only_lists, &makers.make_array,
                          &makers.add_member) ||
        PyBytes_AsStringAndSize(makers.body, &text, &size))
        return NULL;
    if (start < 0 || start > size) return PyErr_Format(PyExc_ValueError, "no such offset: %zd", start);
    Arrays arrays = {.text = text, .end = text + size};
    arrays.state = PyEval_SaveThread();
    Checked checked = check_document(&arrays, text + start, most, only_lists);
    PyEval_RestoreThread(arrays.state);
    PyObject *found = result(&arrays, text + start, checked, &makers);
    free_arrays(&arrays);
    return found;
}

/* Part of a body. */
typedef struct {
    const char *start, *end;
} Part;

static int part_of(PyObject *body, Py_ssize_t start, Py_ssize_t end, Part *part) {
    Py_ssize_t size;
    char *text;
    if (PyBytes_AsStringAndSize(body, &text, &size)) return 0;
    *part = (Part){text + start, text + end};
    if (start >= 0 && start <= end && end <= size) return 1;
    PyErr_Format(PyExc_ValueError, "no such part: %zd to %zd", start, end);
    return 0;
}

static PyObject *py_find_outside(PyObject *module, PyObject *arguments) {
    PyObject *body;
    Py_ssize_t start, end, found;
    long long low;
    unsigned long long high;
    Part part;
    if (!PyArg_ParseTuple(arguments, "SnnLK", &body, &start, &end, &low, &high) || !part_of(body, start, end, &part))
        return NULL;
    Py_BEGIN_ALLOW_THREADS found = find_outside(part.start, part.end, low, high);
    Py_END_ALLOW_THREADS return PyLong_FromSsize_t(found);
}

static PyObject *py_find_integer(PyObject *module, PyObject *arguments) {
    PyObject *body;
    Py_ssize_t start, end, found;
    Part part;
    if (!PyArg_ParseTuple(arguments, "Snn", &body, &start, &end) || !part_of(body, start, end, &part)) return NULL;
    Py_BEGIN_ALLOW_THREADS found = find_integer(part.start, part.end);
    Py_END_ALLOW_THREADS return PyLong_FromSsize_t(found);
}

static PyObject *py_find_index(PyObject *module, PyObject *arguments) {
    PyObject *body;
    Py_ssize_t start, end, index, found;
    Part part;
    if (!PyArg_ParseTuple(arguments, "Snnn", &body, &start, &end, &index) || !part_of(body, start, end, &part))
        return NULL;
    Py_BEGIN_ALLOW_THREADS found = start + find_index(part.start, part.end, index);
    Py_END_ALLOW_THREADS return PyLong_FromSsize_t(found);
}

static PyObject *py_count(PyObject *module, PyObject *body) {
    Py_ssize_t size;
    char *text;
    Counts counts;
    if (PyBytes_AsStringAndSize(body, &text, &size)) return NULL;
    Py_BEGIN_ALLOW_THREADS counts = count_document(text, text + size);
    Py_END_ALLOW_THREADS return Py_BuildValue("nnnnnO", (Py_ssize_t)counts.commas, (Py_ssize_t)counts.lists,
                                              (Py_ssize_t)counts.objects, (Py_ssize_t)counts.quotes,
                                              (Py_ssize_t)counts.text, counts.plain ? Py_True : Py_False);
}

static PyObject *py_dismantle(PyObject *module, PyObject *value) {
    dismantle(value);
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"read_document", read_document, METH_VARARGS,
     "read_document(body, start, max_containers, only_lists, make_array, add_member)"},
    {"count", py_count, METH_O, "count(body)"},
    {"dismantle", py_dismantle, METH_O, "dismantle(value)"},
    {"find_outside", py_find_outside, METH_VARARGS, "find_outside(body, start, end, low, high)"},
    {"find_integer", py_find_integer, METH_VARARGS, "find_integer(body, start, end)"},
    {"find_index", py_find_index, METH_VARARGS, "find_index(body, start, end, index)"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    fill_powers_of_ten();
    return PyModule_Create(&module);
}
