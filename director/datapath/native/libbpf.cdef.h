/* SPDX-License-Identifier: Apache-2.0 */
/* The part of libbpf that loads the guard program; see director/datapath/guard.py. */
struct bpf_object;
struct bpf_program;
struct bpf_map;
struct bpf_object *bpf_object__open_file(const char *path, const void *opts);
int bpf_object__load(struct bpf_object *obj);
void bpf_object__close(struct bpf_object *obj);
struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *obj, const char *name);
struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name);
int bpf_program__fd(const struct bpf_program *prog);
int bpf_map__fd(const struct bpf_map *map);
int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags);
int bpf_map_delete_elem(int fd, const void *key);
int bpf_map_lookup_elem(int fd, const void *key, void *value);
void *libbpf_set_print(void *print); /* NULL: say nothing on stderr */
