/* Makes request ids. */

#ifndef LIGHTSHIP_IDS_H
#define LIGHTSHIP_IDS_H

enum { SEED = 16, DIGITS = 32 };

/* Takes random bytes, from which all ids follow. */
void seed_ids(const char seed[SEED]);

/* Writes the next id, which is not the same as any before, and looks random. */
void write_id(char to[DIGITS]);

#endif
