/* The type `Members`: requests that are answered together. */

#ifndef LIGHTSHIP_MEMBERS_H
#define LIGHTSHIP_MEMBERS_H

#include "reading.h"

/* Returns the bytes with which an id is sent, or NULL, with an exception. */
PyObject *sent_id(const char *id, PyObject *before, PyObject *after);

/* Returns a new reference to the type, or NULL, with an exception. */
PyObject *make_members_type(void);

#endif
