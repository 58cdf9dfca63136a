/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP's checksum (CRC32c, RFC 9260 appendix A) under a change of ports.
 *
 * A CRC is linear: what a packet's changes by depends on the changed bytes and on how many follow, not on those
 * themselves. So it is adapted like the other checksums, from the headers alone, at the same cost for any length, and a
 * wrong one stays wrong. Powers of x, modulo the polynomial, stand with the coefficient of x^0 in the highest bit.
 */
#ifndef LB_CRC_H
#define LB_CRC_H

#include "wire.h"

enum {
	LB_CRC_DIGITS = 4, /* hexadecimal, of a length below 65,536 */
	LB_CRC_BITS = 32,
};

#define LB_CRC32C 0x82f63b78U

/* x^(8 n) for n = digit * 16^place */
static const u32 lb_crc_powers[LB_CRC_DIGITS][16] = {
    {0x80000000, 0x00800000, 0x00008000, 0x00000080, 0x82f63b78, 0xfbc3faf9, 0x8b277743, 0x52a0c93f, 0x6ea2d55c,
     0x1c08b7d6, 0xf56e0ef4, 0x34019664, 0xa66805eb, 0x7a1f6b24, 0xe75d06aa, 0xc94ec098},
    {0x80000000, 0x18b8ea18, 0x510ac59a, 0xb2dea967, 0xb82be955, 0x36c41f1c, 0x19b29a35, 0xc9e90b9e, 0xb8fdb1e7,
     0xe55ef1f3, 0x1fe0b5c3, 0xe0553f1e, 0x18e4a304, 0x2b830011, 0x56993a31, 0x0246e2e6},
    {0x80000000, 0x88e56f72, 0x74c360a4, 0x631bb273, 0xe4172b16, 0x71892b1b, 0x835305c9, 0x196b1eae, 0x0d65762a,
     0xafc81338, 0xb5a50ab7, 0xf373c3ac, 0x5f60970f, 0xd46d3063, 0x3a5275ea, 0x02331c01},
    {0x80000000, 0x35d73a62, 0x28461564, 0x43eefc9f, 0xbf455269, 0x5edcdeb9, 0x65059450, 0x4e6f41a4, 0xe2ea32dc,
     0xf5b95b32, 0x695a4c87, 0xf204502c, 0x9a4f01b6, 0x941a0916, 0x4303cb97, 0x4c3d3d65},
};

/* All ones where the bit is set, and no branch about it, whatever the compiler would make of one. */
static LB_INLINE u32 lb_crc_mask(u32 bit)
{
	asm volatile("" : "+r"(bit));
	return -bit;
}

/* The product of two polynomials, modulo CRC32c's. No branch depends on them: a verifier sees one way through. */
LB_SUBPROGRAM u32 lb_crc_product(u32 left, u32 right)
{
	u32 product = 0;

	for (u32 i = 0; i < LB_CRC_BITS; i++) {
		product ^= right & lb_crc_mask(left >> 31);
		left <<= 1;
		right = right >> 1 ^ (LB_CRC32C & lb_crc_mask(right & 1));
	}
	return product;
}

/*
 * By what the CRC of a packet of `length` bytes changes when its first four do, by exclusive or with `change`. Both, and
 * the checksum in the header, are the numbers that the bytes are with the least significant one first.
 */
static LB_INLINE u32 lb_crc_change(u32 change, u32 length)
{
	for (u32 place = 0; place < LB_CRC_DIGITS; place++)
		change = lb_crc_product(change, lb_crc_powers[place][length >> 4 * place & 15]);
	return change;
}

#endif
