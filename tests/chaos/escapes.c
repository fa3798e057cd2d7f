#include "tests/chaos/escapes.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NETLINK_NETFILTER_NUMBER 12
#define MEMFD_SECRET             447 /* newer than the headers */

/* 0 if it succeeded, else errno. */
static int result(long got)
{
    return got < 0 ? errno : 0;
}

/* The answer to opening it for writing is enough. */
static int writable(const char *path)
{
    return result(open(path, O_WRONLY | O_CLOEXEC));
}

static int readable(const char *path)
{
    return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int write_into(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? errno : result(write(fd, text, strlen(text)));
}

/* A clone that succeeds returns in the child too, which must end there. */
static int clone_with(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (!pid)
        _exit(0);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
    return result(pid);
}

static int read_memory_of_init(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, its = {(void *)0x400000, 1};
    return result(process_vm_readv(1, &mine, 1, &its, 1, 0));
}

static int splice_memory(void)
{
    int ends[2];
    char bytes[16] = "x";
    struct iovec iov = {bytes, sizeof bytes};
    return pipe(ends) ? 0 : result(vmsplice(ends[1], &iov, 1, 0));
}

static int remap_pages(void)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? 0 : result(syscall(SYS_remap_file_pages, p, 4096, 0, 1, 0));
}

static int take_handle(void)
{
    struct {
        unsigned bytes;
        int type;
        unsigned char handle[128];
    } handle = {.bytes = 128};
    int mount_id;
    return result(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &handle, &mount_id, 0));
}

static int change_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = ++limit.rlim_max;
    return result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int be_real_time(void)
{
    struct sched_param param = {.sched_priority = 1};
    return result(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int set_capabilities(void)
{
    uint32_t head[2] = {0x20080522, 0}, data[6] = {UINT32_MAX, UINT32_MAX, 0, UINT32_MAX, UINT32_MAX, 0};
    return result(syscall(SYS_capset, head, data));
}

static int make_device(void)
{
    return result(mknod("/tmp/device", S_IFBLK | 0600, makedev(7, 0)));
}

static int enter_namespace(void)
{
    return result(setns(open("/proc/1/ns/net", O_RDONLY), 0));
}

static int ask_io_uring(void)
{
    char params[256] = {0};
    return result(syscall(SYS_io_uring_setup, 1, params));
}

static int load_bpf(void)
{
    char attr[128] = {0};
    attr[0] = 1; /* an array map */
    attr[4] = attr[8] = attr[12] = 4;
    return result(syscall(SYS_bpf, 0, attr, sizeof attr));
}

static int open_perf(void)
{
    uint32_t attr[32] = {1, 128}; /* software */
    return result(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
}

#define SIMPLE(name, expression)                                                                             \
    static int try_##name(void)                                                                              \
    {                                                                                                        \
        return expression;                                                                                   \
    }

/* clang-format off */
SIMPLE(mount_tmpfs, result(mount("none", "/tmp", "tmpfs", 0, NULL)))
SIMPLE(remount_root, result(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)))
SIMPLE(unmount, result(umount2("/tmp", MNT_DETACH)))
SIMPLE(open_file_system, result(syscall(SYS_fsopen, "tmpfs", 0)))
SIMPLE(open_tree, result(syscall(SYS_open_tree, AT_FDCWD, "/", 1)))
SIMPLE(unshare_user, result(unshare(CLONE_NEWUSER)))
SIMPLE(unshare_mount, result(unshare(CLONE_NEWNS)))
SIMPLE(clone_user, clone_with(CLONE_NEWUSER))
SIMPLE(clone_net, clone_with(CLONE_NEWNET))
SIMPLE(clone_three, result(syscall(SYS_clone3, NULL, 0)))
SIMPLE(change_root, result(chroot("/tmp")))
SIMPLE(pivot, result(syscall(SYS_pivot_root, "/tmp", "/tmp")))
SIMPLE(keyctl, result(syscall(SYS_keyctl, 0, -3, 1)))
SIMPLE(add_key, result(syscall(SYS_add_key, "user", "k", "v", 1, -3)))
SIMPLE(request_key, result(syscall(SYS_request_key, "user", "k", NULL, -3)))
SIMPLE(userfaultfd, result(syscall(SYS_userfaultfd, 1)))
SIMPLE(memfd_secret, result(syscall(MEMFD_SECRET, 0)))
SIMPLE(modify_ldt, result(syscall(SYS_modify_ldt, 0, NULL, 0)))
SIMPLE(personality_odd, result(syscall(SYS_personality, (unsigned long)ADDR_NO_RANDOMIZE)))
SIMPLE(personality_32, result(syscall(SYS_personality, (unsigned long)PER_LINUX32)))
SIMPLE(fanotify, result(syscall(SYS_fanotify_init, 0, O_RDONLY)))
SIMPLE(compare, result(syscall(SYS_kcmp, 1, getpid(), 0, 0, 0)))
SIMPLE(swap, result(syscall(SYS_swapon, "/tmp/x", 0)))
SIMPLE(restart, result(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL)))
SIMPLE(module, result(syscall(SYS_init_module, "", 0, "")))
SIMPLE(kexec, result(syscall(SYS_kexec_load, 0, 0, NULL, 0)))
SIMPLE(ports, result(syscall(SYS_iopl, 3)))
SIMPLE(kernel_log, result(syscall(SYS_syslog, 3, NULL, 0)))
SIMPLE(host_name, result(sethostname("x", 1)))
SIMPLE(clock, result(syscall(SYS_settimeofday, NULL, &(int[2]){0, 0})))
SIMPLE(tune_clock, result(syscall(SYS_adjtimex, (char[256]){0})))
SIMPLE(be_root, result(setuid(0)))
SIMPLE(be_root_group, result(setgid(0)))
SIMPLE(no_groups, result(syscall(SYS_setgroups, 0, NULL)))
SIMPLE(be_nicer, result(setpriority(PRIO_PROCESS, 0, -5)))
SIMPLE(socket_packet, result(socket(AF_PACKET, SOCK_RAW, 0)))
SIMPLE(socket_raw, result(socket(AF_INET, SOCK_RAW, 1)))
SIMPLE(socket_alg, result(socket(38, SOCK_SEQPACKET, 0)))
SIMPLE(socket_vsock, result(socket(40, SOCK_STREAM, 0)))
SIMPLE(socket_netfilter, result(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER_NUMBER)))
SIMPLE(trace_init, result(ptrace(PTRACE_SEIZE, 1, NULL, NULL)))
SIMPLE(memory_of_init, readable("/proc/1/mem"))
SIMPLE(environment_of_init, readable("/proc/1/environ"))
SIMPLE(files_of_init, readable("/proc/1/fd"))
SIMPLE(root_of_init, readable("/proc/1/root/etc/passwd"))
SIMPLE(link_of_init, writable("/.corral/link/agent"))
SIMPLE(replace_init, writable("/.corral/init"))
SIMPLE(write_root, result(open("/file", O_CREAT | O_WRONLY, 0600)))
SIMPLE(core_pattern, writable("/proc/sys/kernel/core_pattern"))
SIMPLE(sysctl_vm, writable("/proc/sys/vm/overcommit_memory"))
SIMPLE(sysrq, writable("/proc/sysrq-trigger"))
SIMPLE(kernel_memory, readable("/proc/kcore"))
SIMPLE(device_memory, readable("/dev/mem"))
SIMPLE(device_loop, readable("/dev/loop0"))
SIMPLE(device_loops, readable("/dev/loop-control"))
SIMPLE(device_log, readable("/dev/kmsg"))
SIMPLE(docker_socket, readable("/run/docker.sock"))
SIMPLE(own_memory_limit, writable("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
SIMPLE(own_cgroup_v1, writable("/sys/fs/cgroup/pids/cgroup.procs"))
SIMPLE(own_cgroup_v2, writable("/sys/fs/cgroup/cgroup.procs"))
SIMPLE(uevent_helper, writable("/sys/kernel/uevent_helper"))
SIMPLE(huge_memory, (long)mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB, -1, 0)
                        == -1 ? errno : 0)
SIMPLE(huge_file, result(memfd_create("x", MFD_HUGETLB)))
SIMPLE(huge_segment, result(shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | SHM_NORESERVE | 0600)))
SIMPLE(socket_ping, result(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)))
SIMPLE(socket_multipath, result(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)))
SIMPLE(oom_score, write_into("/proc/self/oom_score_adj", "-1000"))

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"mount", try_mount_tmpfs}, {"remount", try_remount_root}, {"umount", try_unmount}, {"fsopen", try_open_file_system},
    {"open_tree", try_open_tree}, {"unshare_user", try_unshare_user}, {"unshare_mount", try_unshare_mount},
    {"clone_user", try_clone_user}, {"clone_net", try_clone_net}, {"clone3", try_clone_three}, {"setns", enter_namespace},
    {"chroot", try_change_root}, {"pivot_root", try_pivot}, {"mknod", make_device}, {"keyctl", try_keyctl},
    {"add_key", try_add_key}, {"request_key", try_request_key}, {"userfaultfd", try_userfaultfd}, {"io_uring", ask_io_uring},
    {"bpf", load_bpf}, {"perf_event_open", open_perf}, {"vmsplice", splice_memory},
    {"memfd_secret", try_memfd_secret}, {"modify_ldt", try_modify_ldt}, {"remap_file_pages", remap_pages},
    {"name_to_handle_at", take_handle}, {"personality_odd", try_personality_odd}, {"personality_32", try_personality_32},
    {"fanotify_init", try_fanotify}, {"kcmp", try_compare}, {"swapon", try_swap}, {"reboot", try_restart},
    {"init_module", try_module}, {"kexec_load", try_kexec}, {"iopl", try_ports}, {"syslog", try_kernel_log},
    {"sethostname", try_host_name}, {"settimeofday", try_clock}, {"adjtimex", try_tune_clock}, {"setuid", try_be_root},
    {"setgid", try_be_root_group}, {"setgroups", try_no_groups}, {"capset", set_capabilities}, {"nice", try_be_nicer},
    {"sched_fifo", be_real_time}, {"rlimit", change_limit}, {"af_packet", try_socket_packet},
    {"raw_socket", try_socket_raw}, {"af_alg", try_socket_alg}, {"af_vsock", try_socket_vsock},
    {"netfilter", try_socket_netfilter}, {"ptrace_init", try_trace_init}, {"vm_readv_init", read_memory_of_init},
    {"init_mem", try_memory_of_init}, {"init_environ", try_environment_of_init}, {"init_fd", try_files_of_init},
    {"init_root", try_root_of_init}, {"init_link", try_link_of_init}, {"init_binary", try_replace_init},
    {"write_root", try_write_root}, {"core_pattern", try_core_pattern}, {"sysctl_vm", try_sysctl_vm}, {"sysrq", try_sysrq},
    {"kcore", try_kernel_memory}, {"dev_mem", try_device_memory}, {"dev_loop", try_device_loop},
    {"dev_loop_control", try_device_loops}, {"dev_kmsg", try_device_log}, {"docker_socket", try_docker_socket},
    {"cgroup_memory", try_own_memory_limit}, {"cgroup_procs_v1", try_own_cgroup_v1}, {"cgroup_procs_v2", try_own_cgroup_v2},
    {"uevent_helper", try_uevent_helper}, {"oom_score_adj", try_oom_score}, {"huge_memory", try_huge_memory}, {"huge_file", try_huge_file},
    {"huge_segment", try_huge_segment}, {"ping_socket", try_socket_ping}, {"multipath_tcp", try_socket_multipath},
};
/* clang-format on */

void escapes_try(FILE *out)
{
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        int why = attempts[i].attempt();
        fprintf(out, "%s %s\n", attempts[i].name, why ? strerrorname_np(why) : "done");
    }
    fputs("end\n", out);
}
