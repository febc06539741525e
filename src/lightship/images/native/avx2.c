#include "kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* A sum is low + high * 2^15. It is computed modulo 2^32, and the whole sum always fits. */
AVX2 static inline __m256i joined(__m256i low, __m256i high) { return _mm256_add_epi32(low, _mm256_slli_epi32(high, 15)); }

AVX2 static void across(const Axis *axis, const uint8_t *row, uint8_t *to) {
    /* Pixels 0 and 1 side by side, a colour after the other, as numbers of 16 bits; then pixels 2 and 3. */
    const __m256i pairs = _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12, -1, 9, -1, 13,
                                           -1, 10, -1, 14, -1, 11, -1, 15, -1);
    const __m128i half = _mm_set1_epi32(1 << (WEIGHT_BITS - 1));
    const __m256i *weights = (const __m256i *)axis->halves;
    for (int o = 0; o < axis->out; o++, to += PIXEL) {
        const uint8_t *pixel = row + (size_t)PIXEL * (size_t)axis->first[o];
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int left = axis_blocks(axis, o); left; left--, pixel += PIXEL * BLOCK, weights += 2) {
            __m256i four = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pixel));
            four = _mm256_shuffle_epi8(four, pairs);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(four, _mm256_loadu_si256(weights)));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(four, _mm256_loadu_si256(weights + 1)));
        }
        __m256i both = joined(low, high);
        __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
        sum = _mm_srai_epi32(_mm_add_epi32(sum, half), WEIGHT_BITS);
        sum = _mm_packs_epi32(sum, sum);
        _mm_storeu_si32(to, _mm_packus_epi16(sum, sum));
    }
}

AVX2 static void down(const Axis *axis, int o, const uint8_t *const *rows, size_t size, uint8_t *to) {
    const __m256i half = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
    int taps = axis->last[o] - axis->first[o] + 1;
    const int32_t *all = (const int32_t *)axis->halves + (size_t)axis->blocks_before[o] * BLOCK;
    for (size_t start = 0; start < size; start += STRIDE) {
        __m256i low[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, high[2] = {low[0], low[0]};
        const int32_t *weights = all;
        for (int tap = 0; tap < taps; tap += 2, weights += 2) {
            const uint8_t *other = rows[tap + 1 < taps ? tap + 1 : tap]; /* the weight of a row behind the last is 0 */
            __m128i even = _mm_loadu_si128((const __m128i *)(rows[tap] + start));
            __m128i odd = _mm_loadu_si128((const __m128i *)(other + start));
            __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(even, odd));
            __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(even, odd));
            __m256i low_weights = _mm256_set1_epi32(weights[0]), high_weights = _mm256_set1_epi32(weights[1]);
            low[0] = _mm256_add_epi32(low[0], _mm256_madd_epi16(first, low_weights));
            low[1] = _mm256_add_epi32(low[1], _mm256_madd_epi16(second, low_weights));
            high[0] = _mm256_add_epi32(high[0], _mm256_madd_epi16(first, high_weights));
            high[1] = _mm256_add_epi32(high[1], _mm256_madd_epi16(second, high_weights));
        }
        __m256i one = _mm256_srai_epi32(_mm256_add_epi32(joined(low[0], high[0]), half), WEIGHT_BITS);
        __m256i two = _mm256_srai_epi32(_mm256_add_epi32(joined(low[1], high[1]), half), WEIGHT_BITS);
        __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(one, two), 0xD8);
        __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x88);
        _mm_storeu_si128((__m128i *)(to + start), _mm256_castsi256_si128(bytes));
    }
}

static const Kernels avx2_kernels = {across, down, 1};

const Kernels *best_kernels(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &avx2_kernels : &plain_kernels;
}

#else

const Kernels *best_kernels(void) { return &plain_kernels; }

#endif
