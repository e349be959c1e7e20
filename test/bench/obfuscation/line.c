/*
 * A line of a given rate and delay, for kernels without netem: a TUN device that gives back each packet which is routed
 * into it, later. Packets to HOME queue for one direction, all others for the other; a queue that would keep a packet
 * waiting for more than QUEUE_MS drops it, as a modem does. Prints "ready"; ends when it is killed.
 *
 *   line DEVICE HOME-IPV4 MBIT-PER-SECOND ONE-WAY-MILLISECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 16384, LARGEST = 2048, QUEUE_MS = 100, ETHERNET = 14 };

struct packet {
    uint64_t due;
    ssize_t length;
    unsigned char data[LARGEST];
};

struct direction {
    struct packet *ring;
    unsigned head, tail;
    /* When the last bit of all that was taken in so far has left. */
    uint64_t busy_until;
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_tun(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (fd < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) fail(name);
    return fd;
}

/* Takes in all that waits at the device. */
static void take(int fd, struct direction *ways, uint32_t home, double bits_per_ns, uint64_t delay) {
    unsigned char data[LARGEST];
    ssize_t length;
    while ((length = read(fd, data, sizeof data)) > 0) {
        uint32_t to = 0;
        if (length >= 20 && data[0] >> 4 == 4) memcpy(&to, data + 16, sizeof to);
        struct direction *way = &ways[to == home];
        uint64_t time = now(), from = way->busy_until > time ? way->busy_until : time;
        if (from - time > QUEUE_MS * 1000000u || way->head - way->tail == SLOTS) continue;
        way->busy_until = from + (uint64_t)((double)(length + ETHERNET) * 8 / bits_per_ns);
        struct packet *slot = &way->ring[way->head++ % SLOTS];
        slot->due = way->busy_until + delay;
        slot->length = length;
        memcpy(slot->data, data, (size_t)length);
    }
    if (length < 0 && errno != EAGAIN) fail("read");
}

/* Gives back what is due. @returns when the next one is, 0 when none waits. */
static uint64_t give(int fd, struct direction *way) {
    for (; way->tail != way->head; way->tail++) {
        struct packet *slot = &way->ring[way->tail % SLOTS];
        if (slot->due > now()) return slot->due;
        /* A device that takes no more drops it, as any would. */
        if (write(fd, slot->data, (size_t)slot->length) < 0 && errno != EAGAIN && errno != ENOBUFS) fail("write");
    }
    return 0;
}

int main(int argc, char **argv) {
    struct in_addr home;
    if (argc != 5 || inet_pton(AF_INET, argv[2], &home) != 1 || atof(argv[3]) <= 0 || atof(argv[4]) < 0) {
        fprintf(stderr, "line DEVICE HOME-IPV4 MBIT-PER-SECOND ONE-WAY-MILLISECONDS\n");
        return 2;
    }
    double bits_per_ns = atof(argv[3]) / 1000;
    uint64_t delay = (uint64_t)(atof(argv[4]) * 1e6);
    int fd = open_tun(argv[1]);
    prctl(PR_SET_TIMERSLACK, 1);
    struct direction ways[2] = {0};
    for (int i = 0; i < 2; i++)
        if ((ways[i].ring = calloc(SLOTS, sizeof *ways[i].ring)) == NULL) fail("memory");
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint64_t a = give(fd, &ways[0]), b = give(fd, &ways[1]);
        uint64_t next = a == 0 || (b != 0 && b < a) ? b : a, time = now();
        uint64_t wait = next > time ? next - time : 0;
        struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (ppoll(&waiting, 1, next == 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR) fail("poll");
        if (waiting.revents != 0) take(fd, ways, home.s_addr, bits_per_ns, delay);
    }
}
