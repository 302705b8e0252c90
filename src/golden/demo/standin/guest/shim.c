/*
 * Preloaded into the real qemu-ga: paths as Windows writes them reach the mounted NTFS volume, Windows programs
 * reach the stand-in programs, and the failures that tests ask of the agent happen here.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define VOLUME "/mnt/c"
#define CLIENT "/bin/client"
#define FAULT "/run/machine/agent-fault"

static int is_windows(const char *path)
{
    return isalpha((unsigned char)path[0]) && path[1] == ':' && (path[2] == '\\' || path[2] == '/');
}

/* Replace the last component of `path` (whose folder exists) by the name on disk that differs only in case. */
static void match_case(char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return;
    char *slash = strrchr(path, '/');
    *slash = 0;
    DIR *folder = opendir(path);
    *slash = '/';
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcasecmp(entry->d_name, slash + 1) == 0) {
            strcpy(slash + 1, entry->d_name);
            break;
        }
    closedir(folder);
}

/* "C:\Windows\x" -> "/mnt/c/Windows/x", each component as it is written on disk. Other drives do not exist. */
static const char *mapped(const char *path, char *out)
{
    if (!path || !is_windows(path))
        return path;
    if (tolower((unsigned char)path[0]) != 'c' || strlen(path) > PATH_MAX - 16)
        return "/nonexistent/drive";
    strcpy(out, VOLUME);
    const char *from = path + 2;
    while (*from) {
        while (*from == '\\' || *from == '/')
            from++;
        size_t n = strcspn(from, "\\/");
        if (!n)
            break;
        size_t end = strlen(out);
        out[end] = '/';
        memcpy(out + end + 1, from, n);
        out[end + 1 + n] = 0;
        match_case(out);
        from += n;
    }
    return out;
}

/* The agent's fault for writing to C:, as the boot recorded it: killed in the middle of a file, or hanging. */
static char fault(void)
{
    char kind = 0;
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = real(FAULT, O_RDONLY);
    if (fd >= 0) {
        if (read(fd, &kind, 1) != 1)
            kind = 0;
        close(fd);
    }
    return kind;
}

static int writes;

static void note_open(const char *path, int flags)
{
    if (!is_windows(path) || (flags & O_ACCMODE) == O_RDONLY)
        return;
    if (fault() == 'h')
        raise(SIGSTOP);
    writes = 1;
}

#define OPEN(name)                                                                                                  \
    int name(const char *path, int flags, ...)                                                                       \
    {                                                                                                               \
        static int (*real)(const char *, int, ...);                                                                 \
        if (!real)                                                                                                  \
            real = dlsym(RTLD_NEXT, #name);                                                                         \
        va_list list;                                                                                               \
        va_start(list, flags);                                                                                      \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;                                                    \
        va_end(list);                                                                                               \
        char out[PATH_MAX];                                                                                         \
        note_open(path, flags);                                                                                     \
        return real(mapped(path, out), flags, mode);                                                                \
    }
OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                                                                 \
    FILE *name(const char *path, const char *mode)                                                                  \
    {                                                                                                               \
        static FILE *(*real)(const char *, const char *);                                                           \
        if (!real)                                                                                                  \
            real = dlsym(RTLD_NEXT, #name);                                                                         \
        char out[PATH_MAX];                                                                                         \
        return real(mapped(path, out), mode);                                                                       \
    }
FOPEN(fopen)
FOPEN(fopen64)

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    static size_t (*real)(const void *, size_t, size_t, FILE *);
    if (!real)
        real = dlsym(RTLD_NEXT, "fwrite");
    if (writes && file != stdout && file != stderr && fault() == 'd') {
        real(data, size, count / 2, file);
        fflush(file);
        raise(SIGKILL);
    }
    return real(data, size, count, file);
}

/* Whether `file` is a Windows program's name: the last part has a Windows ending, or it is a path of Windows. */
static const char *windows_program(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash && !is_windows(path) ? slash + 1 : path;
    size_t n = strlen(name);
    int ending = n > 4 && (!strcasecmp(name + n - 4, ".exe") || !strcasecmp(name + n - 4, ".cmd") ||
                           !strcasecmp(name + n - 4, ".bat") || !strcasecmp(name + n - 4, ".com"));
    return is_windows(name) || ending ? name : NULL;
}

static int program_there(const char *name)
{
    static const char *const folders[] = {"", "C:\\Windows\\System32\\", "C:\\Windows\\",
                                          "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\", NULL};
    for (int i = is_windows(name) ? 0 : 1; folders[i] && (i == 0 || !is_windows(name)); i++) {
        char whole[PATH_MAX], out[PATH_MAX];
        struct stat st;
        snprintf(whole, sizeof whole, "%s%s", folders[i], name);
        if (stat(mapped(whole, out), &st) == 0 && S_ISREG(st.st_mode))
            return 1;
    }
    return 0;
}

static int run(const char *path, char *const argv[], char *const envp[])
{
    static int (*real)(const char *, char *const[], char *const[]);
    if (!real)
        real = dlsym(RTLD_NEXT, "execve");
    const char *name = windows_program(path);
    if (!name)
        return real(path, argv, envp);
    if (!program_there(name)) {
        errno = ENOENT;
        return -1;
    }
    return real(CLIENT, argv, envp);
}

int execve(const char *path, char *const argv[], char *const envp[]) { return run(path, argv, envp); }
int execv(const char *path, char *const argv[]) { return run(path, argv, environ); }
