/*
 * volume_flag dirty|clean DEVICE: set or clear NTFS's "volume is dirty" flag ($Volume, attribute 0x70), as Windows
 * does when it mounts a volume and when it shuts down in order; ntfs-3g leaves the flag alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint16_t two(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t four(const unsigned char *p) { return two(p) | (uint32_t)two(p + 2) << 16; }
static uint64_t eight(const unsigned char *p) { return four(p) | (uint64_t)four(p + 4) << 32; }

/* The flag lies far before the end of a sector, so the update sequence numbers are not touched. */
static int change(int fd, off_t record, int dirty)
{
    unsigned char r[1024];
    if (pread(fd, r, sizeof r, record) != sizeof r || memcmp(r, "FILE", 4) != 0)
        return 1;
    for (uint32_t at = two(r + 20); at + 24 < sizeof r && four(r + at) != 0xffffffff && four(r + at + 4); at += four(r + at + 4))
        if (four(r + at) == 0x70) {
            uint32_t flags = at + two(r + at + 20) + 10;
            if (flags >= sizeof r || flags % 512 >= 510)
                return 1;
            unsigned char value = dirty ? r[flags] | 1 : r[flags] & ~1;
            return pwrite(fd, &value, 1, record + flags) != 1;
        }
    return 1;
}

int main(int argc, char **argv)
{
    unsigned char boot[512];
    int fd = argc == 3 ? open(argv[2], O_RDWR) : -1;
    if (fd < 0 || pread(fd, boot, sizeof boot, 0) != sizeof boot || memcmp(boot + 3, "NTFS", 4) != 0)
        return 1;
    uint64_t cluster = (uint64_t)two(boot + 11) * boot[13];
    int8_t exponent = (int8_t)boot[64];
    uint64_t size = exponent < 0 ? 1ull << -exponent : cluster * (uint64_t)exponent;
    int dirty = strcmp(argv[1], "dirty") == 0;
    int bad = change(fd, (off_t)(eight(boot + 48) * cluster + 3 * size), dirty);
    bad |= change(fd, (off_t)(eight(boot + 56) * cluster + 3 * size), dirty); /* $MFTMirr */
    return bad | fsync(fd);
}
