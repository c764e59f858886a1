/* SPDX-License-Identifier: MIT
 * CPU quotas of control groups, read from trees of files like those of Linux: both versions, both
 * at once, nested groups, containers, no groups, and damaged files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/system.h"

static char root[DUET_PATH_SIZE];

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s/processors-%ld-XXXXXX", DUET_TEST_TMP, (long)getpid());
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at) {
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_root(void **state) {
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes <root>/<name>, making its folders. */
static void put(const char *name, const char *text) {
    char path[DUET_PATH_SIZE], folder[DUET_PATH_SIZE];
    assert_int_equal(duet_path_join(path, root, name), DUET_OK);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(duet_folder_make(folder), DUET_OK);
    assert_int_equal(duet_file_write(path, text, (int64_t)strlen(text)), DUET_OK);
}

static const char version2[] = "22 1 0:20 / /proc rw,nosuid - proc proc rw\n"
                               "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

static void test_none(void **state) {
    (void)state;
    assert_int_equal(duet_cpu_quota(root), 0);
    put("proc/self/cgroup", "");
    put("proc/self/mountinfo", "");
    assert_int_equal(duet_cpu_quota(root), 0);
    assert_true(duet_processors() >= 1);
}

static void test_version2(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int processors;
    } cases[] = {{"100000 100000\n", 1},
                 {"150000 100000\n", 2},
                 {"200000 100000", 2},
                 {"1000 100000\n", 1},
                 {"max 100000\n", 0},
                 {"max\n", 0},
                 {"350000\n", 4},
                 {"25000 10000\n", 3},
                 {"", 0},
                 {"\n", 0},
                 {"-1 100000\n", 0},
                 {"0 100000\n", 0},
                 {"100000 0\n", 0},
                 {"100000 x\n", 0},
                 {"a lot\n", 0},
                 {"1e30 1\n", 0},
                 {"nan 1\n", 0}};
    put("proc/self/cgroup", "0::/job\n");
    put("proc/self/mountinfo", version2);
    assert_int_equal(duet_cpu_quota(root), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("sys/fs/cgroup/job/cpu.max", cases[i].text);
        assert_int_equal(duet_cpu_quota(root), cases[i].processors);
    }
}

/* The least of all ancestors holds; neighbours do not count. */
static void test_nested(void **state) {
    (void)state;
    put("proc/self/cgroup", "0::/a/b/c\n");
    put("proc/self/mountinfo", version2);
    put("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    put("sys/fs/cgroup/a/bb/cpu.max", "100000 100000\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(duet_cpu_quota(root), 8);
    put("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    assert_int_equal(duet_cpu_quota(root), 3);
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(duet_cpu_quota(root), 2);
    put("sys/fs/cpu.max", "100000 100000\n"); /* above the mount */
    assert_int_equal(duet_cpu_quota(root), 2);
}

/* The root of a container: its group is what is mounted, whatever its name is outside. */
static void test_container(void **state) {
    (void)state;
    static const char *const names[] = {"0::/\n", "0::/docker/1f2e\n", "0::/../../sibling\n",
                                        "0::/docker/1f2e/deeper\n"};
    static const char *const mounts[] = {
        "30 24 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "30 24 0:26 /docker/1f2e /sys/fs/cgroup ro shared:9 master:3 - cgroup2 cgroup rw\n",
        "30 24 0:26 /.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n"};
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < sizeof mounts / sizeof mounts[0]; k++) {
            put("proc/self/cgroup", names[i]);
            put("proc/self/mountinfo", mounts[k]);
            assert_int_equal(duet_cpu_quota(root), 1);
        }
    }
    put("sys/fs/cgroup/deeper/cpu.max", "50000 100000\n");
    put("sys/fs/cgroup/cpu.max", "500000 100000\n");
    put("proc/self/mountinfo", mounts[1]);
    assert_int_equal(duet_cpu_quota(root), 1);
}

static void test_version1(void **state) {
    (void)state;
    put("proc/self/cgroup", "12:cpuset:/other\n4:cpuacct,cpu:/job\n1:name=systemd:/user\n");
    put("proc/self/mountinfo",
        "31 25 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n");
    put("sys/fs/cgroup/cpuset/job/cpu.cfs_quota_us", "100000\n"); /* another hierarchy */
    put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(duet_cpu_quota(root), 0);
    put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(duet_cpu_quota(root), 3);
    put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
    assert_int_equal(duet_cpu_quota(root), 5);
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(duet_cpu_quota(root), 2);
}

/* Mounted as plain `cpu`, under a folder with a blank, seen from inside a container. */
static void test_version1_container(void **state) {
    (void)state;
    put("proc/self/cgroup", "3:cpu:/docker/77ab\n");
    put("proc/self/mountinfo",
        "33 25 0:29 /docker/77ab /control\\040groups/cpu ro - cgroup cgroup rw,cpu\n");
    put("control groups/cpu/cpu.cfs_quota_us", "150000\n");
    put("control groups/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(duet_cpu_quota(root), 2);
}

/* Version 2 beside version 1: the controller is in either of them. */
static void test_hybrid(void **state) {
    (void)state;
    put("proc/self/cgroup", "4:cpu,cpuacct:/old\n0::/new\n");
    put("proc/self/mountinfo",
        "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
    put("sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_quota_us", "300000\n");
    put("sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_period_us", "100000\n");
    assert_int_equal(duet_cpu_quota(root), 3);
    put("sys/fs/cgroup/unified/new/cpu.max", "200000 100000\n");
    assert_int_equal(duet_cpu_quota(root), 2);
}

static void test_damaged(void **state) {
    (void)state;
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    put("proc/self/cgroup", "0\n::\n:\n0:\nwords\n\n");
    put("proc/self/mountinfo", version2);
    assert_int_equal(duet_cpu_quota(root), 0);
    put("proc/self/cgroup", "0::/");
    put("proc/self/mountinfo", " - \n1 2 3 - cgroup2\n1 2 3 4\n - cgroup2 a b\n\n1 2 3 4 5 - \n");
    assert_int_equal(duet_cpu_quota(root), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        TEST(test_none),     TEST(test_version2),           TEST(test_nested), TEST(test_container),
        TEST(test_version1), TEST(test_version1_container), TEST(test_hybrid), TEST(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
