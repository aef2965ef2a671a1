/* One ping as bare system calls: socket, connect, write, read, close; at an even pace.
 *
 * bare PORT RATE WARM_UP SECONDS
 *
 * Warms up for so many seconds, measures for so many, and prints the exchanges made and the CPU used in microseconds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What the exporter sends. */
static const char PING[] =
    "GET /api/v1/deliveryexperience/ping HTTP/1.1\r\n"
    "accept: application/json\r\n"
    "authorization: Bearer 2YotnFZFEjr1zCsicMWpAA\r\n"
    "user-agent: oauth-probe-exporter/0.1.0\r\n"
    "host: 127.0.0.1:00000\r\n\r\n";
static const char END[] = "\"status\":1}";

static void check(int is_good, const char *what) {
    if (!is_good) {
        perror(what);
        exit(1);
    }
}

static void exchange(const struct sockaddr_in *server) {
    char answer[4096];
    size_t length = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0, "socket");
    check(connect(fd, (const struct sockaddr *)server, sizeof *server) == 0, "connect");
    check(write(fd, PING, sizeof PING - 1) == (ssize_t)(sizeof PING - 1), "write");
    do {
        ssize_t got = read(fd, answer + length, sizeof answer - 1 - length);
        check(got > 0, "read");
        length += (size_t)got;
        answer[length] = 0;
    } while (strstr(answer, END) == NULL);
    check(close(fd) == 0, "close");
}

static long exchanges_at_pace(const struct sockaddr_in *server, long rate, long seconds) {
    const long second = 1000000000L;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (long made = 0; made < rate * seconds; made++) {
        next.tv_nsec += second / rate;
        if (next.tv_nsec >= second) {
            next.tv_nsec -= second;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        exchange(server);
    }
    return rate * seconds;
}

static long microseconds_used(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: bare PORT RATE WARM_UP SECONDS\n");
        return 2;
    }
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    long rate = atol(arguments[2]);
    exchanges_at_pace(&server, rate, atol(arguments[3]));
    long before = microseconds_used();
    long exchanges = exchanges_at_pace(&server, rate, atol(arguments[4]));
    printf("%ld %ld\n", exchanges, microseconds_used() - before);
    return 0;
}
