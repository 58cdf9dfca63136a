# SPDX-License-Identifier: Apache-2.0
"""Builds `realserver._bpf` (cffi, API mode): what loads the unwrapping program and reads its counters.

The shared header goes to the compiler and to cffi alike, so Python takes every size and number from it.
"""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
HEADER = (HERE / "decap.h").read_text()

LIBBPF = """
struct bpf_object;
struct bpf_program;
struct bpf_map;
struct bpf_object *bpf_object__open_file(const char *path, const void *opts);
int bpf_object__load(struct bpf_object *object);
void bpf_object__close(struct bpf_object *object);
struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *object, const char *name);
int bpf_program__fd(const struct bpf_program *program);
int bpf_object__find_map_fd_by_name(struct bpf_object *object, const char *name);
int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags);
int bpf_map_lookup_elem(int fd, const void *key, void *value);
int bpf_map_get_next_key(int fd, const void *key, void *next_key);
int bpf_prog_get_fd_by_id(uint32_t id);
int bpf_map_get_fd_by_id(uint32_t id);
int libbpf_num_possible_cpus(void);

int decap_map_fd(int program_fd, const char *name);
void decap_quiet(void);
const char *decap_last_message(void);
"""

SOURCE = """
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "decap.h"

static char last_message[512];

static int keep_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN)
		vsnprintf(last_message, sizeof(last_message), format, arguments);
	return 0;
}

/* Keep libbpf's warnings for the error that Python raises, and off the terminal. */
static void decap_quiet(void)
{
	libbpf_set_print(keep_message);
}

static const char *decap_last_message(void)
{
	return last_message;
}

/* Find a loaded program's map by its name; a new descriptor, or a negative errno. */
static int decap_map_fd(int program_fd, const char *name)
{
	__u32 ids[8] = {0};
	struct bpf_prog_info program = {0};
	__u32 size = sizeof(program), map_size;

	program.nr_map_ids = sizeof(ids) / sizeof(ids[0]);
	program.map_ids = (__u64)(unsigned long)ids;
	if (bpf_obj_get_info_by_fd(program_fd, &program, &size))
		return -errno;
	for (__u32 i = 0; i < program.nr_map_ids && i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			return -errno;
		map_size = sizeof(map);
		if (!bpf_obj_get_info_by_fd(fd, &map, &map_size) && !strcmp(map.name, name))
			return fd;
		close(fd);
	}
	return -ENOENT;
}
"""

ffibuilder = FFI()
ffibuilder.cdef(HEADER + LIBBPF)
ffibuilder.set_source(
    "realserver._bpf",
    SOURCE,
    include_dirs=[str(HERE)],
    libraries=["bpf"],
    extra_compile_args=["-O2", "-fno-strict-aliasing"],
)
