// Inverses in the KoalaBear field and its extension of degree four, which SP1's circuit asks for by these names.
// They are hints: the circuit checks each, so a wrong one could only make a proof fail.
#include <stdint.h>

static const uint64_t P = 2130706433;
// The extension is F[x] / (x^4 - W).
static const uint64_t W = 3;

static uint64_t mul(uint64_t a, uint64_t b) { return a * b % P; }
static uint64_t add(uint64_t a, uint64_t b) { return (a + b) % P; }
static uint64_t sub(uint64_t a, uint64_t b) { return (a + P - b) % P; }

static uint64_t inverse(uint64_t a) {
    uint64_t result = 1;
    for (uint64_t exponent = P - 2; exponent > 0; exponent >>= 1, a = mul(a, a)) {
        if (exponent & 1) result = mul(result, a);
    }
    return result;
}

uint32_t koalabearinv(uint32_t a) { return (uint32_t)inverse(a % P); }

// Writes the element as A + xB with A and B in the field of degree two over y = x^2; the inverse is
// (A - xB) / (A^2 - yB^2), whose denominator n0 + n1 y lies in the smaller field.
uint32_t koalabearextinv(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t i) {
    uint64_t a0 = a % P, a1 = b % P, a2 = c % P, a3 = d % P;
    uint64_t n0 = sub(add(mul(a0, a0), mul(W, mul(a2, a2))), mul(2 * W, mul(a1, a3)));
    uint64_t n1 = sub(mul(2, mul(a0, a2)), add(mul(a1, a1), mul(W, mul(a3, a3))));
    uint64_t norm = inverse(sub(mul(n0, n0), mul(W, mul(n1, n1))));
    uint64_t m0 = mul(n0, norm), m1 = sub(0, mul(n1, norm));
    switch (i) {
        case 0: return (uint32_t)add(mul(a0, m0), mul(W, mul(a2, m1)));
        case 1: return (uint32_t)sub(0, add(mul(a1, m0), mul(W, mul(a3, m1))));
        case 2: return (uint32_t)add(mul(a0, m1), mul(a2, m0));
        default: return (uint32_t)sub(0, add(mul(a1, m1), mul(a3, m0)));
    }
}
