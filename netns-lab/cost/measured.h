/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Include a data path's program after this, and it becomes part of the program that measures it: the very code, without
 * a call that the data path does not have. Nothing after it may open a section by libbpf's SEC().
 */
#pragma clang diagnostic ignored "-Wignored-attributes"
#undef SEC
#define SEC(name) __attribute__((always_inline))
