/* The module `_native`: writes the lines of the access log. */

#include "ids.h"
#include "members.h"

enum { FIELDS = 6 };

static int read_own(PyObject *object, Own *own) {
    if (!PyTuple_Check(object) || PyTuple_Size(object) != FIELDS) {
        PyErr_SetString(PyExc_TypeError, "what a request has of its own must be a tuple of 6 values");
        return 0;
    }
    return read_text(PyTuple_GetItem(object, 0), &own->client) && read_seconds(PyTuple_GetItem(object, 1), &own->begun) &&
           read_seconds(PyTuple_GetItem(object, 2), &own->received) &&
           read_number(PyTuple_GetItem(object, 3), &own->bytes_in) &&
           read_number(PyTuple_GetItem(object, 4), &own->bytes_out) && read_text(PyTuple_GetItem(object, 5), &own->id);
}

static PyObject *py_write_line(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    Common common;
    Own own;
    if (!check_count(count, COMMON + 1) || !read_common(arguments, &common) || !read_own(arguments[COMMON], &own))
        return NULL;
    char *line = PyMem_Malloc(most_bytes(&common) + own.client.size + own.id.size);
    if (line == NULL) return PyErr_NoMemory();
    PyObject *written = PyBytes_FromStringAndSize(line, write_line(line, &common, &own) - line);
    PyMem_Free(line);
    return written;
}

static PyObject *py_seed_ids(PyObject *module, PyObject *seed) {
    Text text;
    if (!read_text(seed, &text)) return NULL;
    if (text.size != SEED) return PyErr_Format(PyExc_ValueError, "the seed must have 16 bytes");
    seed_ids(text.start);
    return Py_NewRef(Py_None);
}

static PyObject *py_make_id(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    char id[DIGITS];
    if (!check_count(count, 2)) return NULL;
    write_id(id);
    return sent_id(id, arguments[0], arguments[1]);
}

static PyMethodDef methods[] = {
    {"write_line", (PyCFunction)(void (*)(void))py_write_line, METH_FASTCALL,
     "write_line(form, moment, what, ended, decode, run, encode, own)"},
    {"make_id", (PyCFunction)(void (*)(void))py_make_id, METH_FASTCALL, "make_id(before, after)"},
    {"seed_ids", py_seed_ids, METH_O, "seed_ids(seed)"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *made = PyModule_Create(&module), *type = make_members_type();
    if (made == NULL || type == NULL || PyModule_AddObjectRef(made, "Members", type)) {
        Py_XDECREF(made);
        made = NULL;
    }
    Py_XDECREF(type);
    return made;
}
