/*
 * The yardstick of `npm run bench`: the least that a process can do to answer ARP for one address.
 * It blocks in recv(), answers requests for its address, and looks at every ARP packet of the link as an agent
 * has to. No filter in the kernel, no busy polling, no real-time priority.
 *
 * usage: responder LINK ADDRESS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int failed(const char *what) {
  fprintf(stderr, "responder: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  unsigned char address[4];
  if (argc != 3 || inet_pton(AF_INET, argv[2], address) != 1) {
    fprintf(stderr, "usage: responder LINK ADDRESS\n");
    return 1;
  }
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ARP));
  if (fd < 0) return failed("socket");
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
  link.sll_ifindex = (int)if_nametoindex(argv[1]);
  if (link.sll_ifindex == 0) return failed(argv[1]);
  if (bind(fd, (struct sockaddr *)&link, sizeof link) < 0) return failed("bind");
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) return failed("SIOCGIFHWADDR");
  const unsigned char *mac = (const unsigned char *)request.ifr_hwaddr.sa_data;

  unsigned char frame[2048];
  for (;;) {
    ssize_t length = recv(fd, frame, sizeof frame, 0);
    if (length < 0) {
      if (errno == EINTR || errno == ENETDOWN) continue;
      return failed("recv");
    }
    if (length < 42) continue;
    struct ether_arp *arp = (struct ether_arp *)(frame + ETH_HLEN);
    if (arp->ea_hdr.ar_op != htons(ARPOP_REQUEST) || memcmp(arp->arp_tpa, address, 4) != 0) continue;
    memcpy(frame, arp->arp_sha, 6);
    memcpy(frame + 6, mac, 6);
    arp->ea_hdr.ar_op = htons(ARPOP_REPLY);
    memcpy(arp->arp_tha, arp->arp_sha, 6);
    memcpy(arp->arp_tpa, arp->arp_spa, 4);
    memcpy(arp->arp_sha, mac, 6);
    memcpy(arp->arp_spa, address, 4);
    if (send(fd, frame, 42, 0) < 0) fprintf(stderr, "responder: send: %s\n", strerror(errno));
  }
}
