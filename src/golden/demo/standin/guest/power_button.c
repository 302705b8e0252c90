/* Waits for the ACPI power button (an input device like a keyboard) and runs /sbin/shutdown as Windows would. */
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    struct pollfd files[16];
    int count = 0;
    for (int i = 0; i < 16; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY);
        if (fd >= 0)
            files[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    while (count && poll(files, (nfds_t)count, -1) > 0)
        for (int i = 0; i < count; i++) {
            struct input_event event;
            if (!(files[i].revents & POLLIN) || read(files[i].fd, &event, sizeof event) != sizeof event)
                continue;
            if (event.type != EV_KEY || event.code != KEY_POWER || event.value != 1)
                continue;
            if (fork() == 0) {
                execl("/sbin/shutdown", "shutdown", "-P", "+0", (char *)0);
                _exit(1);
            }
            wait(NULL);
        }
    return 1;
}
