/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum: sums, folding, and incremental update (RFC 1071, RFC 1624 equation 3).
 *
 * Sums are taken over 16-bit words as they stand in memory; the result stands in memory the same way, so nothing here
 * swaps bytes. Sums are kept in 64 bits, so that 32-bit words can be added without minding carries.
 */
#ifndef LB_CSUM_H
#define LB_CSUM_H

#include "wire.h"

/* How lb_l4_replace() is to take a changed word. */
enum lb_l4_flag {
	LB_L4_PSEUDO = 1, /* it is part of the pseudo-header: a partial checksum covers it */
	LB_L4_UDP = 2,	  /* a result of 0 is written as 0xffff, RFC 768 */
};

static LB_INLINE u16 lb_csum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

/* The same for a sum of fewer than 65,536 words of 16 bits. */
static LB_INLINE u16 lb_csum_fold_words(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

static LB_INLINE void lb_csum_replace16(be16 *checksum, be16 from, be16 to)
{
	*checksum = ~lb_csum_fold_words((u32)(u16) ~*checksum + (u16)~from + to);
}

static LB_INLINE void lb_csum_replace32(be16 *checksum, be32 from, be32 to)
{
	*checksum = ~lb_csum_fold((u64)(u16) ~*checksum + (u32)~from + to);
}

/* The header's own sum; 0xffff for a valid header, checksum field included. Options are the caller's business. */
static LB_INLINE u32 lb_ipv4_sum(const struct lb_ipv4 *ip)
{
	const be16 *word = (const be16 *)ip;
	u32 sum = 0;

	for (int i = 0; i < 10; i++)
		sum += word[i];
	return sum;
}

static LB_INLINE void lb_ipv4_checksum(struct lb_ipv4 *ip)
{
	ip->checksum = 0;
	ip->checksum = ~lb_csum_fold_words(lb_ipv4_sum(ip));
}

/* The sum of TCP's and UDP's pseudo-header (RFC 9293 §3.1), `length` in host order. */
static LB_INLINE u64 lb_pseudo_sum(be32 source, be32 destination, u8 protocol, u16 length)
{
	return (u64)source + destination + lb_htons(protocol) + lb_htons(length);
}

/* The same of either family (RFC 8200 §8.1): what an IPv4 address leaves empty adds nothing. */
static LB_INLINE u64 lb_pseudo_sum_of(const struct lb_addr *source, const struct lb_addr *destination, u8 protocol,
				      u16 length)
{
	u64 sum = lb_htons(protocol) + lb_htons(length);

	for (int i = 0; i < 4; i++)
		sum += (u64)source->word[i] + destination->word[i];
	return sum;
}

#endif
