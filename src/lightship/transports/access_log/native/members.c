#include "members.h"

#include <string.h>

#include "ids.h"

enum { FIELDS = 5, FIRST_ROOM = 32 };

typedef struct {
    PyObject *client; /* bytes */
    double begun, received;
    unsigned long long bytes_in, bytes_out;
    char id[DIGITS];
} Member;

typedef struct {
    PyObject_HEAD PyObject *before, *after; /* bytes that stand around an id where it is sent */
    Member *members;
    size_t count, room;
} Members;

static PyObject *new_members(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    PyObject *before, *after;
    if (named != NULL && PyDict_Size(named))
        return PyErr_Format(PyExc_TypeError, "the arguments must be given by their places");
    if (!PyArg_ParseTuple(arguments, "SS", &before, &after)) return NULL;
    Members *self = (Members *)PyType_GenericAlloc(type, 0);
    if (self == NULL) return NULL;
    self->before = Py_NewRef(before);
    self->after = Py_NewRef(after);
    return (PyObject *)self;
}

static void free_members(PyObject *object) {
    Members *self = (Members *)object;
    PyTypeObject *type = Py_TYPE(object);
    for (size_t at = 0; at < self->count; at++) Py_DECREF(self->members[at].client);
    PyMem_Free(self->members);
    Py_XDECREF(self->before);
    Py_XDECREF(self->after);
    PyObject_Free(object);
    Py_DECREF(type);
}

static int reserve(Members *self) {
    if (self->count < self->room) return 1;
    size_t room = self->room ? 2 * self->room : FIRST_ROOM;
    Member *moved = PyMem_Realloc(self->members, room * sizeof(Member));
    if (moved == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    self->members = moved;
    self->room = room;
    return 1;
}

PyObject *sent_id(const char *id, PyObject *before_it, PyObject *after_it) {
    Text before, after;
    if (!read_text(before_it, &before) || !read_text(after_it, &after)) return NULL;
    PyObject *sent = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(before.size + DIGITS + after.size));
    if (sent == NULL) return NULL;
    char *to = PyBytes_AsString(sent);
    memcpy(to, before.start, before.size);
    memcpy(to + before.size, id, DIGITS);
    memcpy(to + before.size + DIGITS, after.start, after.size);
    return sent;
}

static PyObject *add(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Members *self = (Members *)object;
    Text client;
    Member member;
    if (!check_count(count, FIELDS) || !read_text(arguments[0], &client) ||
        !read_seconds(arguments[1], &member.begun) || !read_seconds(arguments[2], &member.received) ||
        !read_number(arguments[3], &member.bytes_in) || !read_number(arguments[4], &member.bytes_out) || !reserve(self))
        return NULL;
    write_id(member.id);
    PyObject *sent = sent_id(member.id, self->before, self->after);
    if (sent == NULL) return NULL;
    member.client = Py_NewRef(arguments[0]);
    self->members[self->count++] = member;
    return sent;
}

static Own own_of(const Member *member) {
    Text client;
    read_text(member->client, &client); /* it was read before */
    return (Own){client, {member->id, DIGITS}, member->begun, member->received, member->bytes_in, member->bytes_out};
}

/* Whether the lines of two requests differ in their ids only. */
static int alike(const Member *one, const Member *other) {
    return one->client == other->client && one->begun == other->begun && one->received == other->received &&
           one->bytes_in == other->bytes_in && one->bytes_out == other->bytes_out;
}

static PyObject *lines(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Members *self = (Members *)object;
    Common common;
    if (!check_count(count, COMMON) || !read_common(arguments, &common)) return NULL;
    size_t room = 0, each = most_bytes(&common) + DIGITS;
    for (size_t at = 0; at < self->count; at++) room += each + own_of(&self->members[at]).client.size;
    char *start = PyMem_Malloc(room), *line = start, *end = start;
    if (start == NULL) return PyErr_NoMemory();
    for (size_t at = 0; at < self->count; at++) {
        const Member *member = &self->members[at];
        char *begin = end;
        if (at > 0 && alike(member, member - 1)) { /* copying a line takes a tenth of the time */
            size_t size = (size_t)(end - line);
            end += size;
            memcpy(begin, line, size);
            memcpy(end - common.end.size - DIGITS, member->id, DIGITS);
        } else {
            Own own = own_of(member);
            end = write_line(begin, &common, &own);
        }
        line = begin;
    }
    PyObject *written = PyBytes_FromStringAndSize(start, end - start);
    PyMem_Free(start);
    return written;
}

static Py_ssize_t length(PyObject *object) { return (Py_ssize_t)((Members *)object)->count; }

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, "add(client, begun, received, bytes_in, bytes_out)"},
    {"lines", (PyCFunction)(void (*)(void))lines, METH_FASTCALL,
     "lines(form, moment, what, ended, decode, run, encode)"},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, new_members}, {Py_tp_dealloc, free_members}, {Py_tp_methods, methods}, {Py_sq_length, length}, {0, NULL},
};
static PyType_Spec spec = {
    "lightship.transports.access_log._native.Members",
    sizeof(Members),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    slots,
};

PyObject *make_members_type(void) { return PyType_FromSpec(&spec); }
