/*
 * The stop-watch of `npm run bench`: sends one ARP request per interval to each of its targets, in a random order drawn
 * anew for every round, so that the machine's noise meets all of them alike; a random part of its share of the interval passes first,
 * so that nobody's timers keep step with it. A line per request on standard output:
 *
 *   TARGET NANOSECONDS MAC WIRE   answered: time on CLOCK_MONOTONIC from before send() to after recv(), and the time until the
 *                                 kernel had the answer (its own stamp, without the waking up of this process)
 *   TARGET lost                   no answer within a second; a late answer makes all that follows later
 *   TARGET again MAC              one answer more than there were requests
 *
 * usage: prober LINK SENDER-ADDRESS ROUNDS INTERVAL-MICROSECONDS TARGET...
 */
#define _GNU_SOURCE /* ppoll */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_TARGETS 16
#define SECOND 1000000000LL
#define PATIENCE SECOND

struct answer {
  struct in_addr from;
  unsigned char mac[6];
  int64_t received;  /* CLOCK_MONOTONIC */
  int64_t stamped;   /* CLOCK_REALTIME */
};

static int fd;
static unsigned char own_mac[6];

static void fail(const char *what) {
  fprintf(stderr, "prober: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec * SECOND + at.tv_nsec;
}

static void sleep_until(int64_t at) {
  struct timespec until = {.tv_sec = at / SECOND, .tv_nsec = at % SECOND};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
}

static void open_link(const char *name) {
  fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ARP));
  if (fd < 0) fail("socket");
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
  link.sll_ifindex = (int)if_nametoindex(name);
  if (link.sll_ifindex == 0) fail(name);
  if (bind(fd, (struct sockaddr *)&link, sizeof link) < 0) fail("bind");
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) fail("SIOCGIFHWADDR");
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) fail("SO_TIMESTAMPNS");
}

/* Waits until `deadline` for an ARP reply to us; 0 if there was none. */
static int next_answer(int64_t deadline, struct answer *answer) {
  unsigned char frame[2048];
  char control[256];
  for (;;) {
    int64_t left = deadline - now(CLOCK_MONOTONIC);
    struct timespec patience = {.tv_sec = left > 0 ? left / SECOND : 0, .tv_nsec = left > 0 ? left % SECOND : 0};
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready = ppoll(&waiting, 1, &patience, NULL);
    if (ready < 0 && errno != EINTR) fail("ppoll");
    if (ready == 0) return 0;
    if (ready < 0) continue;
    struct iovec part = {.iov_base = frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);
    answer->received = now(CLOCK_MONOTONIC);
    if (length < 42) continue;
    const struct ether_arp *arp = (const struct ether_arp *)(frame + ETH_HLEN);
    if (arp->ea_hdr.ar_op != htons(ARPOP_REPLY) || memcmp(arp->arp_tha, own_mac, 6) != 0) continue;
    memcpy(&answer->from, arp->arp_spa, 4);
    memcpy(answer->mac, arp->arp_sha, 6);
    answer->stamped = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      struct timespec at;
      memcpy(&at, CMSG_DATA(c), sizeof at);
      answer->stamped = at.tv_sec * SECOND + at.tv_nsec;
    }
    return 1;
  }
}

static void print_answer(const struct answer *answer, const char *what, int64_t wire) {
  const unsigned char *m = answer->mac;
  printf("%s %s %02x:%02x:%02x:%02x:%02x:%02x", inet_ntoa(answer->from), what, m[0], m[1], m[2], m[3], m[4], m[5]);
  if (wire >= 0) printf(" %lld", (long long)wire);
  printf("\n");
}

/* Sends one request, waits for its answer, and for the rest of its share of the interval for one too many. */
static void ask(struct in_addr sender, struct in_addr target, int64_t end) {
  unsigned char frame[42] = {0};
  memset(frame, 0xff, 6);
  memcpy(frame + 6, own_mac, 6);
  frame[12] = ETHERTYPE_ARP >> 8;
  frame[13] = ETHERTYPE_ARP & 0xff;
  struct ether_arp *arp = (struct ether_arp *)(frame + ETH_HLEN);
  arp->ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
  arp->ea_hdr.ar_pro = htons(ETHERTYPE_IP);
  arp->ea_hdr.ar_hln = 6;
  arp->ea_hdr.ar_pln = 4;
  arp->ea_hdr.ar_op = htons(ARPOP_REQUEST);
  memcpy(arp->arp_sha, own_mac, 6);
  memcpy(arp->arp_spa, &sender, 4);
  memcpy(arp->arp_tpa, &target, 4);
  int64_t real = now(CLOCK_REALTIME);
  int64_t sent = now(CLOCK_MONOTONIC);
  if (send(fd, frame, sizeof frame, 0) < 0) fail("send");
  int answers = 0;
  struct answer answer;
  while (next_answer(answers > 0 ? end : sent + PATIENCE, &answer)) {
    char elapsed[32];
    snprintf(elapsed, sizeof elapsed, "%lld", (long long)(answer.received - sent));
    if (answer.from.s_addr == target.s_addr && answers++ == 0) print_answer(&answer, elapsed, answer.stamped - real);
    else print_answer(&answer, "again", -1);
  }
  if (answers == 0) printf("%s lost\n", inet_ntoa(target));
}

int main(int argc, char **argv) {
  struct in_addr sender, targets[MAX_TARGETS];
  int count = argc - 5;
  if (count < 1 || count > MAX_TARGETS || inet_pton(AF_INET, argv[2], &sender) != 1) {
    fprintf(stderr, "usage: prober LINK SENDER-ADDRESS ROUNDS INTERVAL-MICROSECONDS TARGET...\n");
    return 1;
  }
  for (int i = 0; i < count; i++) {
    if (inet_pton(AF_INET, argv[5 + i], &targets[i]) != 1) fail(argv[5 + i]);
  }
  open_link(argv[1]);
  long rounds = atol(argv[3]);
  /* Each target is asked once an interval: the slot of one request is its share of it. */
  int64_t share = atoll(argv[4]) * 1000 / count;
  srandom((unsigned)now(CLOCK_REALTIME));
  int64_t slot = now(CLOCK_MONOTONIC);
  for (long round = 0; round < rounds; round++) {
    for (int i = count - 1; i > 0; i--) {
      int j = (int)(random() % (i + 1));
      struct in_addr swap = targets[i];
      targets[i] = targets[j];
      targets[j] = swap;
    }
    for (int i = 0; i < count; i++) {
      sleep_until(slot + random() % (share / 2));
      slot += share;
      ask(sender, targets[i], slot);
      if (now(CLOCK_MONOTONIC) > slot) slot = now(CLOCK_MONOTONIC);
    }
    fflush(stdout);
  }
  return 0;
}
