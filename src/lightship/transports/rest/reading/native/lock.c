#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <time.h>

#include "lock.h"

enum { LONGEST = 2000000 }; /* nanoseconds */

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

Lock lock_held(void) { return (Lock){now(), 0}; }

void release_when_due(Lock *lock) {
    if (now() - lock->since < LONGEST) return;
    PyThreadState *state = PyEval_SaveThread();
    PyEval_RestoreThread(state);
    lock->since = now();
}
