/* Releases the interpreter's lock from time to time. */

#ifndef LIGHTSHIP_LOCK_H
#define LIGHTSHIP_LOCK_H

#include <stdint.h>

/* Since when the interpreter's lock is held, and how often that was asked. */
typedef struct {
    int64_t since; /* nanoseconds */
    unsigned asked;
} Lock;

Lock lock_held(void);

/* Lets other threads run if the lock has been held for 2 ms. If it were released more often, a thread that computes
   would get most of the time, because it keeps the lock for 5 ms. */
void release_when_due(Lock *lock);

/* The same for a caller who asks once for each small piece of work: looks at the clock once in 256 calls. */
static inline void release_sometimes(Lock *lock) {
    if ((++lock->asked & 255) == 0) release_when_due(lock);
}

#endif
