#include "dismantle.h"

#include <stdlib.h>

#include "arrays.h"
#include "lock.h"

enum { AT_ONCE = 256 };

/* Containers that are to be emptied. Each is owned. */
typedef struct {
    PyObject **containers;
    Py_ssize_t size, capacity;
} Stack;

/* Keeps a container for later. Without memory for that, it is freed at once, like everything else. */
static void keep(Stack *stack, PyObject *value) {
    if (!PyList_CheckExact(value) && !PyDict_CheckExact(value)) return;
    if (grow(&stack->containers, &stack->capacity, stack->size + 1, sizeof(PyObject *)))
        stack->containers[stack->size++] = Py_NewRef(value);
}

/* Removes the last elements of a list. Returns whether there are more. */
static int empty_list(Stack *stack, PyObject *list) {
    Py_ssize_t size = PyList_Size(list), first = size > AT_ONCE ? size - AT_ONCE : 0;
    for (Py_ssize_t i = first; i < size; i++) keep(stack, PyList_GetItem(list, i));
    if (PyList_SetSlice(list, first, size, NULL)) PyErr_Clear();
    return first > 0 && PyList_Size(list) == first;
}

static void empty_dict(Stack *stack, PyObject *dict) {
    PyObject *name, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &name, &value)) keep(stack, value);
    PyDict_Clear(dict);
}

void dismantle(PyObject *value) {
    Stack stack = {0};
    Lock lock = lock_held();
    keep(&stack, value);
    while (stack.size) {
        PyObject *container = stack.containers[--stack.size];
        if (PyDict_CheckExact(container))
            empty_dict(&stack, container);
        else
            for (; empty_list(&stack, container); release_sometimes(&lock)) {}
        Py_DECREF(container);
        release_sometimes(&lock);
    }
    free(stack.containers);
}
