/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a guest: load what it takes to see the host's root file system, read-only, and become
 * the program that GUEST names there. Runs from the initramfs, with nothing else in it, so it is linked statically.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void load_modules(void)
{
	char path[32];
	int file;

	for (int i = 0;; i++) {
		snprintf(path, sizeof(path), "/modules/%03d.ko", i);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return;
		if (syscall(SYS_finit_module, file, "", 0))
			perror(path);
		close(file);
	}
}

static int enter_root(void)
{
	mkdir("/root", 0755);
	if (mount("root", "/root", "virtiofs", MS_RDONLY, ""))
		return -1;
	if (mount("devtmpfs", "/root/dev", "devtmpfs", 0, ""))
		return -1;
	/* Moved onto "/", so that it is also where who enters this mount namespace comes in. */
	if (chdir("/root") || mount(".", "/", 0, MS_MOVE, 0))
		return -1;
	return chroot(".") || chdir("/");
}

int main(void)
{
	const char *guest = getenv("GUEST");

	load_modules();
	if (guest && !enter_root())
		execl(guest, guest, (char *)0);
	perror("no guest");
	reboot(RB_POWER_OFF);
	return 1;
}
