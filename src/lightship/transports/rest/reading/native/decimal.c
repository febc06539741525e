#include "decimal.h"

/* No double and no middle between two has more than 767 digits. All products below have less than 3,000 bits. */
enum { MAX_DIGITS = 800, LIMBS = 128 };

/* A number without limit, lowest limb first. */
typedef struct {
    int size;
    uint32_t limbs[LIMBS];
} Big;

/* Digits as they stand in a text: the first ones, as many as can matter, and whether another one is not zero. */
typedef struct {
    const char *at, *end; /* from the first digit that is not zero; a point may be among them */
    int64_t count;        /* digits in [at, end) */
    int64_t exponent;     /* the number is 0.DIGITS * 10^exponent */
} Digits;

Power powers_of_ten[POWERS];

void fill_powers_of_ten(void) {
    Power power = {(u128)1 << 127, -127};
    for (int n = 0; n >= LEAST_POWER; n--) {
        powers_of_ten[n - LEAST_POWER] = power;
        power.mantissa /= 5;
        power.exponent--;
        for (; !(power.mantissa >> 127); power.mantissa <<= 1) power.exponent--;
    }
    power = powers_of_ten[-LEAST_POWER];
    for (int n = 0; n <= MOST_POWER; n++) {
        powers_of_ten[n - LEAST_POWER] = power;
        u128 more = power.mantissa + (power.mantissa >> 2); /* times 10 / 8 */
        power.exponent += 3;
        if (more < power.mantissa) {
            more = more >> 1 | (u128)1 << 127;
            power.exponent++;
        }
        power.mantissa = more;
    }
}

static void multiply(Big *big, uint32_t factor, uint32_t more) {
    uint64_t carry = more;
    for (int i = 0; i < big->size; i++) {
        carry += (uint64_t)big->limbs[i] * factor;
        big->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && big->size < LIMBS) big->limbs[big->size++] = (uint32_t)carry;
}

static void multiply_by_power_of_five(Big *big, int power) {
    for (; power >= 13; power -= 13) multiply(big, 1220703125, 0);
    for (; power > 0; power--) multiply(big, 5, 0);
}

static void shift_left(Big *big, int bits) {
    int limbs = bits / 32;
    multiply(big, (uint32_t)1 << bits % 32, 0);
    if (!big->size || big->size + limbs > LIMBS) return;
    memmove(big->limbs + limbs, big->limbs, sizeof(uint32_t) * (size_t)big->size);
    memset(big->limbs, 0, sizeof(uint32_t) * (size_t)limbs);
    big->size += limbs;
}

static int compare(const Big *one, const Big *other) {
    if (one->size != other->size) return one->size < other->size ? -1 : 1;
    for (int i = one->size - 1; i >= 0; i--)
        if (one->limbs[i] != other->limbs[i]) return one->limbs[i] < other->limbs[i] ? -1 : 1;
    return 0;
}

/* Leaves out zeros before the first digit and counts the rest. */
static Digits digits_of(const char *at, const char *end, int64_t exponent) {
    const char *point = memchr(at, '.', (size_t)(end - at));
    int64_t whole = (point ? point : end) - at;
    Digits found = {at, end, 0, 0};
    for (; found.at < end && (*found.at == '0' || *found.at == '.'); found.at++) whole -= *found.at == '0';
    found.count = end - found.at - (point && found.at < point);
    found.exponent = whole + exponent;
    return found;
}

/* Whether one of the digits in [at, end) is not zero. */
static int any_digit(const char *at, const char *end) {
    for (; at < end; at++)
        if (*at != '0' && *at != '.') return 1;
    return 0;
}

/* Reads the first digits, at most MAX_DIGITS, and one more, 1, if anything but zeros follows. Returns their number. */
static int big_digits(const Digits *digits, Big *big) {
    const char *at = digits->at;
    uint32_t chunk = 0, scale = 1;
    int count = 0;
    for (; at < digits->end && count < MAX_DIGITS; at++) {
        if (*at == '.') continue;
        chunk = chunk * 10 + (uint32_t)(*at - '0');
        scale *= 10;
        count++;
        if (scale == 1000000000) {
            multiply(big, scale, chunk);
            chunk = 0, scale = 1;
        }
    }
    multiply(big, scale, chunk);
    if (!any_digit(at, digits->end)) return count;
    multiply(big, 10, 1);
    return count + 1;
}

/* Compares a number with the middle between the positive double of these bits and the next one. */
static int compare_with_middle(const Digits *digits, uint64_t bits) {
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int field = (int)(bits >> 52), power, twos;
    uint64_t doubled = 2 * (field ? fraction | (uint64_t)1 << 52 : fraction) + 1;
    Big number = {0}, middle = {doubled >> 32 ? 2 : 1, {(uint32_t)doubled, (uint32_t)(doubled >> 32)}};
    power = (int)(digits->exponent - big_digits(digits, &number));
    multiply_by_power_of_five(power > 0 ? &number : &middle, power > 0 ? power : -power);
    twos = power - ((field ? field : 1) - 1076);
    shift_left(twos > 0 ? &number : &middle, twos > 0 ? twos : -twos);
    return compare(&number, &middle);
}

/* The bits of a double that is at most a few doubles away from digits * 10^power. */
static uint64_t guess(uint64_t digits, int power) {
    const Power *ten = &powers_of_ten[power - LEAST_POWER];
    int zeros = __builtin_clzll(digits), zero;
    uint64_t first = digits << zeros;
    u128 product = (u128)first * (uint64_t)(ten->mantissa >> 64);
    zero = !(uint64_t)(product >> 127);
    product <<= zero;
    int64_t field = 1023 + 127 + 64 - zeros - zero + ten->exponent;
    if (field > 2046) return ((uint64_t)2047 << 52) - 1;
    if (field > 0) return ((uint64_t)(field - 1) << 52) + (uint64_t)(product >> 75);
    return field > -52 ? (uint64_t)(product >> (76 - field)) : 0;
}

static uint64_t round_exactly(const Digits *digits, uint64_t bits) {
    for (;;) {
        int above = compare_with_middle(digits, bits);
        if (above > 0 || (above == 0 && bits & 1)) {
            bits++;
            if (bits >> 52 == 2047) return bits;
            continue;
        }
        if (bits == 0) return bits;
        int below = compare_with_middle(digits, bits - 1);
        if (below > 0 || (below == 0 && !(bits & 1))) return bits;
        bits--;
    }
}

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double round_decimal(const char *at, const char *end, int64_t exponent) {
    Digits digits = digits_of(at, end, exponent);
    uint64_t first = 0;
    int count = 0;
    double value, next;
    if (digits.count == 0 || digits.exponent < -323) return 0;
    if (digits.exponent > 309) return double_of((uint64_t)2047 << 52);
    for (at = digits.at; at < end && count < MAX_EXACT_DIGITS; at++) {
        if (*at == '.') continue;
        first = first * 10 + (uint64_t)(*at - '0');
        count++;
    }
    int power = (int)digits.exponent - count, more = any_digit(at, end);
    if (round_fast(first, power, 0, &value) && (!more || (round_fast(first + 1, power, 0, &next) && value == next)))
        return value;
    return double_of(round_exactly(&digits, guess(first, power)));
}
